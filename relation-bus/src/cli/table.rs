//! Tables for people, in the habit of `juju status`.

/// Columns as wide as their widest cell, two blanks between them, nothing behind the last.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  "));
        format!("{}\n", padded.collect::<String>().trim_end())
    };
    let mut text = line(header.to_vec());
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let rows = [vec!["a/0".to_owned(), String::new()], vec!["b".to_owned(), "x".to_owned()]];
        assert_eq!(table(&["Unit", "M"], &rows), "Unit  M\na/0\nb     x\n");
    }
}
