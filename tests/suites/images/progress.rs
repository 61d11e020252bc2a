//! What somebody sees on a terminal while images are built, and what a program gets.

use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

/// A small disk in formats that take a moment each.
fn small_lab() -> Lab {
    let lab = Lab::new();
    lab.edit("profiles/compute.toml", "\"100 GiB\"", "\"6 GiB\"");
    lab
}

const FORMATS: [&str; 4] = ["--node", "nova01", "--format", "qcow2,vmdk,vhd"];

/// A terminal that a program runs in; ended when dropped.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    fn run(lab: &Lab, columns: usize, arguments: &[String]) -> Self {
        let terminal = Self { socket: lab.directory().join("tmux") };
        let script = lab.directory().join("run");
        let words: Vec<String> = arguments.iter().map(|a| format!("'{a}'")).collect();
        let (cache, state) = (text(&product::cache()), text(&product::state()));
        let command = format!(
            "cd '{}'\nIMGBUILD_CACHE='{cache}' IMGBUILD_STATE='{state}' '{}' {}\necho \"ended with $?\"\nsleep 600\n",
            product::workspace().display(),
            product::imgbuild().display(),
            words.join(" ")
        );
        fs::write(&script, command).expect("script");
        let size = columns.to_string();
        let shell = format!("sh {}", text(&script));
        terminal.tmux(&["new-session", "-d", "-x", &size, "-y", "40", &shell]);
        terminal
    }

    fn tmux(&self, words: &[&str]) -> String {
        let socket = text(&self.socket);
        oracle::ok("tmux", [&["-u", "-f", "/dev/null", "-S", socket.as_str()], words].concat())
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = std::process::Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .arg("kill-server")
            .status();
    }
}

/// Whether a line is, or was, the live one: others begin with the program's name.
fn is_live(line: &str) -> bool {
    line.starts_with('[') || line.contains('█') || line.contains('░')
}

#[test]
fn the_live_line_is_one_line_at_any_width() {
    for width in [120, 80, 40] {
        let lab = small_lab();
        let mut arguments = lab.arguments("compute", &["practice"], &FORMATS);
        arguments.retain(|word| word != "--progress" && word != "plain");
        let terminal = Terminal::run(&lab, width, &arguments);
        let started = Instant::now();
        let mut seen = 0;
        let last = loop {
            let screen = terminal.screen();
            if screen.contains("ended with") {
                break screen;
            }
            let live: Vec<&str> = screen.lines().filter(|line| is_live(line)).collect();
            assert!(live.len() <= 1, "at {width} columns:\n{screen}");
            if let [line] = live[..] {
                assert!(line.starts_with('['), "half a line:\n{screen}");
                let last = screen.lines().rfind(|line| !line.is_empty());
                assert_eq!(last, Some(line), "it is the last:\n{screen}");
                seen += 1;
            }
            std::thread::sleep(Duration::from_millis(300));
            assert!(started.elapsed() < Duration::from_secs(1800), "it goes on:\n{screen}");
        };
        assert!(last.contains("ended with 0"), "{last}");
        assert!(!last.lines().any(is_live), "left behind:\n{last}");
        assert!(last.contains("done in"), "{last}");
        assert!(seen > 0, "nothing was seen at {width} columns");
    }
}

fn events(output: &Output) -> Vec<Value> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let events: Vec<Value> = stderr.lines().map(parse).collect();
    for event in &events {
        assert_eq!(event["schema"], 1, "{event}");
        let time = event["time"].as_str().unwrap_or_default();
        assert!(time.len() == 20 && time.ends_with('Z'), "{event}");
        assert!(
            ["info", "warning", "error"].iter().any(|level| event["level"] == *level),
            "{event}"
        );
    }
    events
}

fn of<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

#[test]
fn events_tell_a_program_everything() {
    let lab = small_lab();
    let mut arguments = lab.arguments("compute", &["practice"], &FORMATS);
    let log = lab.directory().join("log");
    for word in &mut arguments {
        if word == "plain" {
            *word = "json".to_owned();
        }
    }
    arguments.extend(["--log".to_owned(), text(&log)]);
    let output = product::run(&arguments);
    let events = events(&output);
    assert_eq!(output.status.code(), Some(0), "{events:#?}");
    let result = events.last().expect("events");
    assert_eq!((&result["event"], &result["code"]), (&"result".into(), &0.into()));
    check_stages(&events);
    let warnings: Vec<_> = of(&events, "warning");
    assert!(warnings.iter().any(|w| w["message"].to_string().contains("PRACTICE")), "{warnings:?}");
    let artifacts = of(&events, "artifact");
    assert_eq!(artifacts.len(), 3, "{artifacts:?}");
    for artifact in artifacts {
        let size = fs::metadata(artifact["path"].as_str().expect("path")).expect("image").len();
        assert_eq!(artifact["size"], size);
    }
    check_log(&log);

    // The same again is refused.
    let output = product::run(&arguments);
    let events = self::events(&output);
    let error = events.last().expect("events");
    assert_eq!((&error["event"], &error["level"]), (&"error".into(), &"error".into()));
    assert_eq!((output.status.code(), &error["code"]), (Some(2), &2.into()), "{error}");
    assert!(error["message"].to_string().contains("already holds") && error["hint"].is_string());

    // A medium that is none.
    let other = lab.directory().join("not-a-medium");
    fs::create_dir(&other).expect("directory");
    let output = product::run(&[&arguments[..], &["--media".to_owned(), text(&other)]].concat());
    let events = self::events(&output);
    assert_eq!(output.status.code(), Some(2), "{events:?}");
    let stages = of(&events, "stage-end");
    assert_eq!(stages.last().expect("a stage")["outcome"], "failed", "{stages:?}");
}

/// Numbers without gaps but for what came from the cache, up to the last; totals; an end of each.
fn check_stages(events: &[Value]) {
    let (starts, ends) = (of(events, "stage-start"), of(events, "stage-end"));
    assert_eq!(starts.len(), ends.len());
    assert!(ends.iter().all(|end| end["outcome"] == "done"), "{ends:?}");
    let number = |event: &&Value| event["index"].as_u64();
    let numbers: Vec<u64> = starts.iter().filter_map(number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let last = ends.last().expect("stages");
    assert!(last["index"].is_u64() && last["index"] == last["of"], "{last}");
    let disk = ends.iter().find(|end| end["stage"] == "nova01: vmdk").expect("vmdk");
    assert!(disk["total"].as_u64() > Some(1 << 20) && disk["done"] == disk["total"], "{disk}");
    for stage in ends.iter().filter(|end| end["seconds"].as_f64() > Some(2.5)) {
        let own = of(events, "stage-progress");
        let own = own.iter().filter(|e| e["stage"] == stage["stage"]).count() as f64;
        assert!(
            own >= stage["seconds"].as_f64().unwrap_or_default() / 2.0,
            "an event a second: {stage}"
        );
    }
}

/// Every message, for its owner alone.
fn check_log(log: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(log).expect("log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let log = fs::read_to_string(log).expect("log");
    for words in [" info    [", "nova01: vmdk …", " warning these are PRACTICE images"] {
        assert!(log.contains(words), "`{words}` in:\n{log}");
    }
}

#[test]
fn quiet_is_warnings_alone_and_colours_are_asked_for() {
    let lab = small_lab();
    let mut arguments =
        lab.arguments("compute", &["practice"], &["--node", "nova01", "--format", "tar"]);
    arguments.retain(|word| word != "--progress" && word != "plain");
    arguments.push("-q".to_owned());
    let run = |colour: Option<(&str, &str)>| {
        let mut command = product::command();
        command.args(&arguments).env_remove("NO_COLOR").envs(colour);
        let output = command.output().expect("imgbuild");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let text = "these are PRACTICE images, made from Debian packages; they are not CentOS\n";
    assert_eq!(run(None), (Some(0), format!("imgbuild: warning: {text}")));
    let (code, error) = run(Some(("CLICOLOR_FORCE", "1")));
    assert_eq!(code, Some(2), "the images are there");
    assert!(error.starts_with("imgbuild: \u{1b}[1m\u{1b}[31merror:\u{1b}[0m "), "{error:?}");
    let (_, error) = run(Some(("NO_COLOR", "1")));
    assert!(error.starts_with("imgbuild: error: "), "{error:?}");
}
