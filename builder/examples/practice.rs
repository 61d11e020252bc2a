//! Temporary driver.
#![allow(clippy::print_stderr)]
fn main() {
    let mut args = std::env::args().skip(1);
    let (out, work) = (args.next().unwrap(), args.next().unwrap());
    builder::interrupt::install();
    let start = std::time::Instant::now();
    let mut last = None;
    let r = builder::practice::make(out.as_ref(), work.as_ref(), &mut |s, d, t| {
        if last != Some(s) || d == t {
            eprintln!("{:6.1} {} {d}/{t}", start.elapsed().as_secs_f32(), s.name());
            last = Some(s);
        }
    });
    match r {
        Ok(p) => eprintln!("{:.1} {p:?}", start.elapsed().as_secs_f32()),
        Err(e) => {
            eprintln!("error: {e}");
            std::process::exit(1)
        }
    }
}
