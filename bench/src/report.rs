//! Figures as a table.

use std::fmt;

/// What a program's mosaics cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The program.
    pub what: String,
    /// CPU time for a mosaic in milliseconds.
    pub cpu_ms: f64,
    /// A mosaic's bytes, on average.
    pub bytes: usize,
    /// Luma of the quadrants against what they should show, in dB; if it was measured.
    pub psnr: Option<f64>,
}

/// Rows to compare with the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Table(pub Vec<Row>);

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|row| row.what.len()).max().unwrap_or_default();
        let first = self.0.first().map_or(1.0, |row| row.cpu_ms);
        writeln!(f, "{:width$} | CPU ms/mosaic | mosaics/CPU-s | bytes/mosaic | PSNR dB | CPU ratio", "")?;
        writeln!(f, "{:-<width$}-|---------------|---------------|--------------|---------|----------", "")?;
        for Row { what, cpu_ms, bytes, psnr } in &self.0 {
            let (rate, ratio) = (1e3 / cpu_ms, cpu_ms / first);
            let psnr = psnr.map_or_else(|| "-".to_owned(), |psnr| format!("{psnr:.2}"));
            writeln!(
                f,
                "{what:width$} | {cpu_ms:13.3} | {rate:13.0} | {bytes:12} | {psnr:>7} | {ratio:9.2}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_as_wide_and_the_first_is_the_measure() {
        let row = |what: &str, cpu_ms| Row { what: what.to_owned(), cpu_ms, bytes: 1000, psnr: None };
        let table = Table(vec![row("a", 2.0), row("longer", 5.0)]).to_string();
        let lines: Vec<_> = table.lines().collect();
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{table}");
        assert!(lines[2].ends_with("1.00") && lines[3].ends_with("2.50"), "{table}");
    }
}
