//! Programs that run for long: each is supervised between other things, so that a step
//! can report its progress and notice that it hangs.

use super::followed::Followed;
use super::handle::Host;
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
        let job = Some(self.runner().spawn(program, &log)?);
        let news = self.clock().monotonic();
        let followed = Followed {
            job,
            log,
            read: 0,
            partial: Vec::new(),
            lines: Vec::new(),
            news,
            fingerprint: 0,
            ended: None,
        };
        self.jobs.borrow_mut().insert(name, followed);
        Ok(())
    }

    /// Checks the job `name`, and lets `judge` see it with the time since it last
    /// had news: a new line, or another `fingerprint` of its log files. New lines are
    /// noted as output. `None` if there is no such job.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn follow_job<T>(
        &self,
        name: &'static str,
        fingerprint: u64,
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

    /// Forgets the job `name`; if it runs it is killed.
    pub fn end_job(&self, name: &'static str) {
        if let Some(mut followed) = self.jobs.borrow_mut().remove(name) {
            followed.kill();
        }
    }
}
