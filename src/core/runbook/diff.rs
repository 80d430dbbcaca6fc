//! What changed between two versions, line by line.

/// A line of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// In both.
    Same(&'a str),
    /// Only in the older one.
    Removed(&'a str),
    /// Only in the newer one.
    Added(&'a str),
}

/// So many comparisons at most: beyond that the middle is shown as replaced.
const WORK_MAX: usize = 4_000_000;

/// The lines of both, in order.
pub fn diff<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let begin = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - begin;
    let end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let mut lines: Vec<Line<'a>> = old[..begin].iter().map(|line| Line::Same(line)).collect();
    middle(&old[begin..old.len() - end], &new[begin..new.len() - end], &mut lines);
    lines.extend(old[old.len() - end..].iter().map(|line| Line::Same(line)));
    lines
}

/// By the longest common subsequence.
fn middle<'a>(old: &[&'a str], new: &[&'a str], lines: &mut Vec<Line<'a>>) {
    if old.len().saturating_mul(new.len()) > WORK_MAX {
        lines.extend(old.iter().map(|line| Line::Removed(line)));
        lines.extend(new.iter().map(|line| Line::Added(line)));
        return;
    }
    let wide = new.len() + 1;
    // How many lines the rests from here have in common.
    let mut common = vec![0_u32; (old.len() + 1) * wide];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            common[a * wide + b] = if old[a] == new[b] {
                common[(a + 1) * wide + b + 1] + 1
            } else {
                common[(a + 1) * wide + b].max(common[a * wide + b + 1])
            };
        }
    }
    let (mut a, mut b) = (0, 0);
    while a < old.len() || b < new.len() {
        if a < old.len() && b < new.len() && old[a] == new[b] {
            lines.push(Line::Same(old[a]));
            (a, b) = (a + 1, b + 1);
        } else if b == new.len() || (a < old.len() && common[(a + 1) * wide + b] >= common[a * wide + b + 1]) {
            lines.push(Line::Removed(old[a]));
            a += 1;
        } else {
            lines.push(Line::Added(new[b]));
            b += 1;
        }
    }
}
