//! The documents tell the truth: links lead somewhere, commands and options exist.

use lab_tests::product;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const DOCUMENTS: [&str; 5] = [
    "README.md",
    "builder/docs/reference.md",
    "builder/docs/zh-CN.md",
    "builder/ARCHITECTURE.md",
    ".github/CONTRIBUTING.md",
];

#[test]
fn links_of_the_documents_lead_to_files() {
    for document in DOCUMENTS {
        let path = product::workspace().join(document);
        let text = fs::read_to_string(&path).expect(document);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let file = path.parent().expect("directory").join(target);
            assert!(file.exists(), "{document}: {target}");
        }
    }
}

#[test]
fn commands_in_the_documents_exist_with_their_options() {
    let commands = subcommands(&help(&[]));
    let mut seen = 0;
    for document in &DOCUMENTS[..3] {
        let text = fs::read_to_string(product::workspace().join(document)).expect(document);
        for line in examples(&text) {
            let words: Vec<&str> = line
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
                .filter(|word| !word.is_empty())
                .collect();
            let named: Vec<&str> =
                words.iter().copied().filter(|word| commands.contains(*word)).collect();
            let is_command = |word: &str| word.starts_with(|c: char| c.is_ascii_lowercase());
            if let Some(first) = words.get(1).filter(|word| is_command(word)) {
                assert!(named.contains(first), "{document}: no command {first}: {line}");
            }
            let help: String = named.iter().map(|command| whole_help(command)).collect();
            let help = help + &self::help(&[]);
            for option in words.iter().filter(|word| word.starts_with("--") && word.len() > 2) {
                assert!(help.contains(*option), "{document}: no {option}: {line}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen} options looked at");
}

/// Lines of the code blocks, without comments, that start with imgbuild or go on from such a line.
fn examples(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for block in text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        for line in block.lines().map(|line| line.split('#').next().unwrap_or_default()) {
            if line.starts_with("imgbuild ") {
                lines.push(line.to_owned());
            } else if let (true, Some(last)) = (line.starts_with("  "), lines.last_mut()) {
                last.push_str(line);
            }
        }
    }
    lines
}

/// The names in the lists above the options.
fn subcommands(help: &str) -> BTreeSet<String> {
    let above = help.split("\nOptions:").next().unwrap_or_default();
    let rows = above.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let words = rows.filter_map(|line| line.split_whitespace().next());
    words.filter(|word| word.starts_with(char::is_alphabetic)).map(str::to_owned).collect()
}

/// The help of a command and of its subcommands.
fn whole_help(command: &str) -> String {
    let own = help(&[command]);
    let below = subcommands(&own).into_iter().filter(|name| name != "help");
    let below: String = below.map(|name| help(&[command, &name])).collect();
    own + &below
}

fn help(command: &[&str]) -> String {
    let output = product::run(&[command, &["--help"]].concat());
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn chinese_and_english_documents_have_the_same_commands() {
    let read = |name: &str| {
        fs::read_to_string(Path::new(product::workspace()).join(name)).expect("document")
    };
    let english = read("README.md");
    for line in examples(&read("builder/docs/zh-CN.md")) {
        let command = line.trim_end();
        assert!(english.contains(command), "{command}");
    }
}
