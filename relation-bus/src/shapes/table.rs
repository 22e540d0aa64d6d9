//! Tables for people, in the habit of `juju status`.

/// How the cells of a column are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// From the left edge.
    Left(&'static str),
    /// To the right edge, for numbers.
    Right(&'static str),
}

/// Columns as wide as their widest cell, two blanks between them, nothing behind the last.
pub(crate) fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    let header = columns.iter().map(|column| match column {
        Column::Left(name) | Column::Right(name) => (*name).to_owned(),
    });
    let header: Vec<String> = header.collect();
    let mut widths: Vec<usize> = header.iter().map(|cell| width(cell)).collect();
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&header).chain(rows) {
        let mut line = String::new();
        for ((cell, column), width) in row.iter().zip(columns).zip(&widths) {
            line.push_str(&match column {
                Column::Left(_) => format!("{cell:width$}  "),
                Column::Right(_) => format!("{cell:>width$}  "),
            });
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How many characters wide a cell is.
fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let rows = [
            vec!["a/0".to_owned(), String::new(), "1".to_owned()],
            vec!["b".to_owned(), "x".to_owned(), String::new()],
        ];
        let columns = [Column::Left("Unit"), Column::Left("M"), Column::Right("Rev")];
        assert_eq!(table(&columns, &rows), "Unit  M  Rev\na/0        1\nb     x\n");
    }
}
