//! The `firstboot` binary.

fn main() {
    println!("hi");
}
