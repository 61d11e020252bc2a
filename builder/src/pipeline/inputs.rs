//! The request → the Spec, with everything else that planning starts from.

use super::options::Select;
use super::pre::PreScripts;
use super::scripts::plan_script;
use super::sources::Wanted;
use super::{kickstart_sources, sources, unchanged};
use crate::base::diagnostic::Diagnostics;
use crate::base::error::{Error, Result};
use crate::base::home;
use crate::base::lab::{ImageFormat, UnknownFormat};
use crate::base::progress::{Progress, Unit};
use crate::kickstart::Repo;
use crate::packages::media::Access;
use crate::packages::media::http::shown;
use crate::packages::repo::Catalog;
use crate::plan::{Input, Plan, Script, Sources};
use crate::spec::{self, PreRunner, Spec};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How the plan comes about.
pub enum Decision {
    /// It is created, for these formats.
    Make(Vec<ImageFormat>),
    /// It is given.
    Replay(Box<Plan>),
}

/// What planning starts from.
pub struct Inputs {
    pub spec: Spec,
    /// Digests of everything that the spec was read from.
    pub digests: Vec<Input>,
    /// The kickstart's scripts with their text.
    pub scripts: Vec<(Script, String)>,
    /// Where all of it was found.
    pub sources: Sources,
    pub access: Access,
    pub decision: Decision,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Everything on the media, the same for all roles of a lab.
#[derive(Clone)]
pub struct Media {
    pub catalog: Arc<Catalog>,
    /// Whether any of them is practice media.
    pub practice: bool,
}

/// The inputs of every role to build: profile, lab file and kickstart, which have to be those of
/// `plan` if it is given. Notes which roles the lab has, where the user names none.
///
/// # Errors
/// Input errors, those of all roles; a verification error naming what is not the plan's.
pub fn load(select: &Select, plan: Option<&Plan>, progress: &mut Progress) -> Result<Vec<Inputs>> {
    let homes =
        Homes { own: home::own(), sudo: home::of_sudo_user(), config: home::configurations() };
    let profiles = match select.profiles.as_slice() {
        [] => {
            let roles = spec::find_roles(&request(select, "", &homes, None))?;
            roles.notes.iter().for_each(|note| progress.note(note));
            roles.profiles
        }
        named => named.to_vec(),
    };
    let mut errors = Diagnostics::default();
    let mut specs = Vec::new();
    let pre = PreScripts::new(select, progress);
    for profile in &profiles {
        match spec::load(&request(select, profile, &homes, pre.runner())) {
            Ok(mut spec) => {
                spec.kickstart.packages.ignore_missing |= select.ignore_missing_packages;
                specs.push(spec);
            }
            Err(found) => errors.extend_new(found),
        }
    }
    if errors.has_errors() {
        let mut error = Error::from(errors);
        error.class = pre.failed().unwrap_or(error.class);
        return Err(error);
    }
    refuse_several_labs(&specs)?;
    profiles.iter().zip(specs).map(|(name, spec)| Inputs::new(select, name, spec, plan)).collect()
}

/// What is built together shares the lab file, and no role twice.
fn refuse_several_labs(specs: &[Spec]) -> Result<()> {
    for (index, spec) in specs.iter().enumerate() {
        for other in &specs[..index] {
            let names = |n: usize| [spec, other].map(|s| s.inputs.get(n).map(|i| i.name.clone()));
            let message = if spec.inputs.first() != other.inputs.first() {
                format!("the profiles are of two labs: {}", shown_list(names(0)))
            } else if spec.role == other.role {
                let role = spec.role.as_str();
                format!("two profiles are of the role {role}: {}", shown_list(names(1)))
            } else {
                continue;
            };
            return Err(Error::input(message).hint("build one after the other"));
        }
    }
    Ok(())
}

fn shown_list(names: [Option<String>; 2]) -> String {
    names.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Reads the repositories that each role is built from, in the roles' order; those of several
/// roles once.
///
/// # Errors
/// As [`sources::catalog`].
pub fn read_media(
    inputs: &mut [Inputs],
    select: &Select,
    progress: &mut Progress,
) -> Result<Vec<Media>> {
    if inputs.is_empty() {
        return Err(Error::input("the lab has no role to build"));
    }
    progress.stage("reading repositories", Unit::Steps);
    let mut known: Vec<(Vec<Repo>, Media, Vec<String>)> = Vec::new();
    let mut media = Vec::new();
    for role in inputs {
        let lines = match select.media[..] {
            [] => kickstart_sources::lines(&role.spec.kickstart).into_iter().cloned().collect(),
            _ => Vec::new(),
        };
        let index = match known.iter().position(|(other, ..)| *other == lines) {
            Some(index) => index,
            None => {
                let mut notes = Vec::new();
                let (catalog, practice) =
                    sources::catalog(&role.access, select, role.wanted(), progress, &mut notes)?;
                known.push((lines, Media { catalog: Arc::new(catalog), practice }, notes));
                known.len() - 1
            }
        };
        let (_, read, notes) = &known[index];
        media.push(read.clone());
        role.notes.extend(notes.iter().cloned());
    }
    Ok(media)
}

impl Inputs {
    fn new(select: &Select, profile: &str, spec: Spec, plan: Option<&Plan>) -> Result<Self> {
        let (digests, scripts) = (inputs(&spec), scripts(&spec));
        let decision = match plan {
            Some(plan) => {
                unchanged::check_inputs(plan, &digests, &scripts)?;
                Decision::Replay(Box::new(plan.clone()))
            }
            None => Decision::Make(formats(select, &spec)?),
        };
        let sources = whereabouts(select, profile, &spec);
        let notes = spec.warnings.iter().map(|w| format!("warning: {w}")).collect();
        let access = select.access();
        Ok(Self { spec, digests, scripts, sources, access, decision, notes })
    }

    /// What says where its packages come from.
    fn wanted(&self) -> Wanted<'_> {
        let Spec { kickstart, repositories, .. } = &self.spec;
        Wanted { kickstart, repositories }
    }
}

/// Where the user's keys and files are.
struct Homes {
    own: Option<PathBuf>,
    sudo: Option<PathBuf>,
    config: Vec<PathBuf>,
}

fn request<'a>(
    select: &'a Select,
    profile: &'a str,
    homes: &'a Homes,
    pre: Option<&'a dyn PreRunner>,
) -> spec::Request<'a> {
    spec::Request {
        profile,
        lab: select.lab.as_deref(),
        node: select.node.as_deref(),
        ignore_encryption: select.ignore_encryption,
        includes: &select.includes,
        pre,
        strict_lab: select.strict_lab,
        directory: &select.directory,
        config: &homes.config,
        home: homes.own.as_deref(),
        sudo_home: homes.sudo.as_deref(),
    }
}

/// Digests of everything that the spec was read from.
fn inputs(spec: &Spec) -> Vec<Input> {
    let keys = Input {
        name: "ssh-authorized-keys".to_owned(),
        sha256: hex::encode(Sha256::digest(spec.authorized_keys.join("\n"))),
    };
    let input = |i: &spec::Input| Input { name: i.name.clone(), sha256: i.sha256.clone() };
    spec.inputs.iter().map(input).chain([keys]).collect()
}

/// Where all of it was found, from anywhere on this machine.
fn whereabouts(select: &Select, profile: &str, spec: &Spec) -> Sources {
    // The loader names files by their path; what is built in has none.
    let path = |input: Option<&spec::Input>| {
        input.map(|i| select.directory.join(&i.name)).filter(|path| path.is_file())
    };
    let medium = |word: &String| match Path::new(word) {
        path if path.exists() => select.directory.join(path).to_string_lossy().into_owned(),
        // Without user and password, which a plan must not hold.
        _ => shown(word),
    };
    Sources {
        profile: path(spec.inputs.get(1))
            .map_or_else(|| profile.to_owned(), |p| p.to_string_lossy().into_owned()),
        lab: path(spec.inputs.first()),
        includes: select
            .includes
            .iter()
            .map(|(name, file)| (name.clone(), select.directory.join(file)))
            .collect(),
        media: select.media.iter().map(medium).collect(),
        // Known when the media have been read.
        repositories: Vec::new(),
        releasever: select.releasever.clone(),
        run_pre: select.run_pre.clone(),
        ignore_encryption: select.ignore_encryption,
    }
}

fn formats(select: &Select, spec: &Spec) -> Result<Vec<ImageFormat>> {
    let mut formats: Vec<ImageFormat> = Vec::new();
    for text in &select.formats {
        let format = text.parse().map_err(|e: UnknownFormat| {
            let all: Vec<&str> = ImageFormat::ALL.iter().map(|f| f.as_str()).collect();
            Error::input(format!("--format: {e}")).hint(format!("formats are {}", all.join(", ")))
        })?;
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    if formats.is_empty() {
        formats.clone_from(&spec.formats);
    }
    for (index, format) in formats.iter().enumerate() {
        if let Some(other) = formats[..index].iter().find(|f| f.extension() == format.extension()) {
            let (one, two) = (other.as_str(), format.as_str());
            let name = format.extension();
            return Err(Error::input(format!("formats {one} and {two} both create NODE.{name}"))
                .hint("choose one of them"));
        }
    }
    Ok(formats)
}

fn scripts(spec: &Spec) -> Vec<(Script, String)> {
    spec.kickstart.post.iter().map(plan_script).collect()
}
