//! What people see: results on standard output, progress and remarks on standard error.
//!
//! The only place of this binary that writes to either, so that a result can be piped on and a
//! closed pipe (`tasador history | head`) ends the command quietly.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Writes one line of the result.
///
/// # Errors
/// What the stream says; [`io::ErrorKind::BrokenPipe`] where the reader has gone.
pub fn result(line: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Writes one remark for people; a closed standard error loses it.
pub fn remark(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether results go to a person rather than to a file or a program.
pub fn is_for_people() -> bool {
    io::stdout().is_terminal()
}

/// Columns of the terminal that results go to; without one, what `COLUMNS` says.
pub fn width() -> Option<u16> {
    let terminal = console::Term::stdout().size_checked();
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal.map(|(_, columns)| columns).or_else(columns)
}

/// Progress of a job of several steps: one moving line on a terminal, plain lines elsewhere.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins to show progress on standard error.
    pub fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self { bar: None };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar: Some(bar) }
    }

    /// Shows from now on how many of so many homes are done.
    pub fn measure(&self, homes: u64) {
        let Some(bar) = &self.bar else { return };
        bar.set_length(homes);
        bar.reset_eta();
        let template = "{spinner} {wide_bar} {human_pos} of {human_len} homes, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
    }

    /// So many more homes are done.
    pub fn advance(&self, homes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(homes);
        }
    }

    /// What is being done now. Shown on a terminal only: it is soon out of date.
    pub fn doing(&self, what: impl Display) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_string());
        }
    }

    /// A step that is finished; its line stays.
    pub fn done(&self, what: impl Display) {
        match &self.bar {
            Some(bar) => bar.println(what.to_string()),
            None => remark(what),
        }
    }

    /// Removes the moving line.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
