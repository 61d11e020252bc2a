//! A double of the other nodes, as far as a shell sees them: ssh is left out.

use crate::double::World;
use firstboot::host::Program;
use std::net::Ipv4Addr;

/// A script for this node, or over ssh for another one, with the directory of packstack's runs
/// where the double of that node has it: below the root, or below `nodes/ADDRESS`.
pub fn place_script(world: &World, program: &Program) -> Option<Program> {
    let (script, before) = program.args.split_last()?;
    let root = match program.name.as_str() {
        "sh" => world.root.clone(),
        "ssh" => {
            let to: Ipv4Addr = before.last()?.strip_prefix("root@")?.parse().ok()?;
            if to == world.own {
                world.root.clone()
            } else {
                world.root.join(format!("nodes/{to}"))
            }
        }
        _ => return None,
    };
    let runs = format!("{}/var/tmp/packstack", root.display());
    let script = script.replace("/var/tmp/packstack", &runs);
    let sh = Program::new("sh").args(["-c", &script]).time_limit(program.limit);
    root.is_dir().then_some(sh)
}
