//! Programs that run for long: each is supervised between other things, so that a step
//! can report its progress and notice that it hangs.

use super::followed::Followed;
use super::handle::Host;
use super::job;
use super::process::Program;
use std::io;
use std::time::Duration;

impl Host {
    /// Starts `program` under the name `name`; its output goes to the new file `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_job(&self, name: &'static str, program: &Program, log: &str) -> io::Result<()> {
        let log = self.path(log)?;
        let job = self.runner().spawn(program, &log)?;
        let followed = Followed::new(job, log, self.clock().monotonic());
        self.jobs.borrow_mut().insert(name, followed);
        Ok(())
    }

    /// Takes over the process `id`, which an earlier firstboot started under the name `name`
    /// with its output in `log`. What it has printed so far is not noted again.
    ///
    /// # Errors
    /// When it or its log cannot be read.
    pub fn adopt_job(&self, name: &'static str, id: u32, log: &str) -> io::Result<()> {
        let job = job::adopt(self.path(&format!("/proc/{id}"))?, id)?;
        let mut followed = Followed::new(job, self.path(log)?, self.clock().monotonic());
        followed.new_lines()?;
        self.jobs.borrow_mut().insert(name, followed);
        Ok(())
    }

    /// Checks the job `name`, and lets `judge` see it with the time since it last
    /// had news: a new line, or another `fingerprint` of its log files, which is asked
    /// for with the lines so far. New lines are noted as output. `None` if there is no such
    /// job.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn follow_job<T>(
        &self,
        name: &'static str,
        fingerprint: impl FnOnce(&[String]) -> u64,
        judge: impl FnOnce(&mut Followed, Duration) -> T,
    ) -> io::Result<Option<T>> {
        let mut jobs = self.jobs.borrow_mut();
        let Some(followed) = jobs.get_mut(name) else { return Ok(None) };
        let now = self.clock().monotonic();
        if followed.ended.is_none() {
            // First its status, then its output: nothing printed before its end is missed.
            followed.ended = match &mut followed.job {
                Some(job) => job.ended()?,
                None => Some(None),
            };
            let lines = followed.new_lines()?;
            let fingerprint = fingerprint(&followed.lines);
            if !lines.is_empty() || followed.fingerprint != fingerprint {
                followed.news = now;
                followed.fingerprint = fingerprint;
            }
            for line in lines {
                self.note_output(name, &line);
            }
        }
        let silent = now - followed.news;
        Ok(Some(judge(followed, silent)))
    }

    /// Whether the job `name` ran when it was last checked; `None` if there is no such job.
    pub fn job_runs(&self, name: &str) -> Option<bool> {
        self.jobs.borrow().get(name).map(|job| job.ended.is_none())
    }

    /// Forgets the job `name`; if it runs it is killed.
    pub fn end_job(&self, name: &'static str) {
        if let Some(mut followed) = self.jobs.borrow_mut().remove(name) {
            followed.kill();
        }
    }
}
