//! The NOTICE commands we give: right in every part unless a case asks otherwise.

use anyhow::Result;

use crate::crypto::fresh_id;
use crate::stamp::{DAY, now, stamp};

/// A notice as a list of words, so that a case can spoil any of them.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) id: String,
    parameters: Vec<String>,
}

impl Notice {
    /// Of 1,000 octets, dated now, for the usual 14 days, with a fresh id.
    pub(crate) fn fresh(from: &str, to: &str) -> Result<Self> {
        let id = fresh_id()?;
        let parameters = vec![
            format!("ID={id}"),
            "SIZE=1000".to_owned(),
            format!("DATE={}", stamp(now())),
            format!("EXPIRES={}", stamp(now() + 14 * DAY)),
        ];
        Ok(Self { from: format!("<{from}>"), to: format!("<{to}>"), id, parameters })
    }

    /// With one more parameter.
    pub(crate) fn with(mut self, parameter: &str) -> Self {
        self.parameters.push(parameter.to_owned());
        self
    }

    /// Without the parameters that begin so.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|parameter| !parameter.starts_with(name));
        self
    }

    /// With another value of a parameter it has.
    pub(crate) fn but(mut self, name: &str, value: &str) -> Self {
        if name == "ID" {
            value.clone_into(&mut self.id);
        }
        for parameter in &mut self.parameters {
            if parameter.split('=').next() == Some(name) {
                *parameter = format!("{name}={value}");
            }
        }
        self
    }

    /// With this instead of the first path, brackets included.
    pub(crate) fn claiming_from(mut self, path: &str) -> Self {
        path.clone_into(&mut self.from);
        self
    }

    /// With this instead of the second path, brackets included.
    pub(crate) fn addressed_to(mut self, path: &str) -> Self {
        path.clone_into(&mut self.to);
        self
    }

    /// With the parameters the other way round.
    pub(crate) fn reversed(mut self) -> Self {
        self.parameters.reverse();
        self
    }

    /// `notice = "NOTICE FROM:" path SP "TO:" path 4*16( SP param )`, without CRLF.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("NOTICE FROM:{} TO:{}", self.from, self.to);
        for parameter in &self.parameters {
            line.push(' ');
            line.push_str(parameter);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar;

    #[test]
    fn what_we_give_unspoilt_is_what_our_own_grammar_accepts() {
        let notice = Notice::fresh("ann@c.test", "bob@b.test").unwrap();
        let read = grammar::notice(&notice.clone().with("KIND=mail").reversed().line()).unwrap();
        assert_eq!(
            (read.from.as_str(), read.to.as_str(), read.id.as_str(), read.size),
            ("ann@c.test", "bob@b.test", notice.id.as_str(), 1000)
        );
        for spoilt in [notice.clone().without("ID"), notice.clone().with("SIZE=1000"), notice.clone().but("DATE", "today")] {
            assert!(grammar::notice(&spoilt.line()).is_err());
        }
    }
}
