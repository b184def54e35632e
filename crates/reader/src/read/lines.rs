//! On which line of the source's file each row begins.

/// Only rows that do not begin on the line after the one before are listed, so this is small.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Rows, and the lines on which they begin.
    jumps: Vec<(usize, u64)>,
    rows: usize,
    /// The line after the last row's first.
    next: u64,
}

impl Lines {
    /// Adds a row that begins on this line, from 1.
    pub(super) fn add(&mut self, line: u64) {
        if self.rows == 0 || line != self.next {
            self.jumps.push((self.rows, line));
        }
        self.rows += 1;
        self.next = line + 1;
    }

    /// The line on which a row begins; `None` in files without lines.
    pub fn of(&self, row: usize) -> Option<u64> {
        let after = self.jumps.partition_point(|(first, _)| *first <= row);
        let (first, line) = self.jumps.get(after.checked_sub(1)?)?;
        (row < self.rows).then(|| line + (row - first) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_line() {
        let lines = [2, 3, 5, 6, 7, 20];
        let mut found = Lines::default();
        for line in lines {
            found.add(line);
        }
        let of: Vec<Option<u64>> = (0..7).map(|row| found.of(row)).collect();
        let expected = lines.map(Some).into_iter().chain([None]);
        assert_eq!(of, expected.collect::<Vec<_>>());
        assert_eq!(found.jumps.len(), 3);
        assert_eq!(Lines::default().of(0), None);
    }
}
