use builder::install::*;
use std::path::*;
struct L(u64);
impl Listener for L {
    fn log(&mut self, l: &str) {
        eprintln!("L {l}");
    }
    fn at(&mut self, d: u64, t: u64, w: &str) {
        if d / 50 != self.0 {
            self.0 = d / 50;
            eprintln!("P {d}/{t} {w}");
        }
    }
}
fn main() {
    if std::env::args().nth(1).as_deref() == Some(builder::sandbox::ARGUMENT) {
        builder::sandbox::inner_main();
    }
    let boot: Vec<String> = std::fs::read_to_string("/tmp/h/rpmclosure.txt")
        .unwrap()
        .lines()
        .map(|s| s.to_owned())
        .collect();
    let mut v = vec![];
    for e in std::fs::read_dir("/work/shared/el7/media/Packages").unwrap() {
        let p = e.unwrap().path();
        if p.extension().map(|x| x != "rpm").unwrap_or(true) {
            continue;
        }
        let n = p.file_name().unwrap().to_string_lossy().into_owned();
        v.push(PackageFile { bootstrap: boot.iter().any(|b| n == *b), path: p });
    }
    v.sort_by(|a, b| a.path.cmp(&b.path));
    let en = vec![
        "sshd".to_string(),
        "chronyd".into(),
        "openvswitch".into(),
        "network".into(),
        "libvirtd".into(),
    ];
    let job = Job {
        packages: &v,
        enable: &en,
        disable: &["NetworkManager".into(), "firewalld".into()],
        target: "multi-user.target",
        scripts: &[],
        early_grub: "search.fs_uuid x root\n",
        time: 1500000000,
    };
    let t = std::time::Instant::now();
    let d = PathBuf::from("/tmp/h/inst");
    let _ = std::fs::remove_dir_all(&d);
    std::fs::create_dir_all(&d).unwrap();
    match install(&job, &d, &mut L(0)) {
        Ok(()) => eprintln!("OK {:?}", t.elapsed()),
        Err(e) => eprintln!("ERR {e}"),
    }
}
