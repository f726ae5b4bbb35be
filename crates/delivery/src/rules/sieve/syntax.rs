//! The tree of a script (RFC 5228 section 8.2), before anybody asks what its words mean.

use super::lexer::{Lexer, Token};
use super::{SieveError, SieveFault, Spot};

/// Blocks and tests within each other: more than rules may have, and far from what recursion can bear.
const DEPTH_MAX: usize = 40;

/// A command with all that belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) at: Spot,
    /// In lower case.
    pub(super) name: String,
    /// What a comment before it calls it.
    pub(super) label: Option<String>,
    pub(super) arguments: Vec<Argument>,
    pub(super) tests: Vec<Test>,
    /// The commands between its braces, if it has any.
    pub(super) block: Option<Vec<Self>>,
}

/// A test with all that belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) at: Spot,
    /// In lower case.
    pub(super) name: String,
    pub(super) arguments: Vec<Argument>,
    pub(super) tests: Vec<Self>,
}

/// An argument.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    pub(super) at: Spot,
    pub(super) value: Value,
}

/// What an argument is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Tag(String),
    Number(u64),
    /// A string, or a list of them.
    Texts(Vec<String>),
}

impl Value {
    /// For a sentence.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Tag(name) => Token::Tag(name.clone()).in_words(),
            Self::Number(number) => Token::Number(*number).in_words(),
            Self::Texts(texts) if texts.len() == 1 => "a string".to_owned(),
            Self::Texts(_) => "a list of strings".to_owned(),
        }
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    at: Spot,
    token: Token,
    depth: usize,
}

/// Reads a whole script.
pub(super) fn parse(script: &str) -> Result<Vec<Command>, SieveError> {
    let mut lexer = Lexer::new(script);
    let (at, token) = lexer.next()?;
    let mut parser = Parser { lexer, at, token, depth: 0 };
    let mut commands = Vec::new();
    while parser.token != Token::End {
        commands.push(parser.command()?);
    }
    Ok(commands)
}

impl Parser<'_> {
    /// The word at hand; the next one takes its place.
    fn take(&mut self) -> Result<(Spot, Token), SieveError> {
        let (at, token) = self.lexer.next()?;
        Ok((std::mem::replace(&mut self.at, at), std::mem::replace(&mut self.token, token)))
    }

    /// Whether the word at hand is this mark; then it is taken.
    fn takes(&mut self, mark: char) -> Result<bool, SieveError> {
        let is_there = self.token == Token::Mark(mark);
        if is_there {
            self.take()?;
        }
        Ok(is_there)
    }

    fn require(&mut self, mark: char, expected: &str) -> Result<(), SieveError> {
        if self.takes(mark)? { Ok(()) } else { self.at.expected(expected, &self.token.in_words()) }
    }

    fn deeper(&mut self) -> Result<(), SieveError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(SieveError { at: self.at, fault: SieveFault::TooDeep(DEPTH_MAX) });
        }
        Ok(())
    }

    /// `command = identifier arguments (";" / block)`
    fn command(&mut self) -> Result<Command, SieveError> {
        let label = self.lexer.take_label();
        let (at, name) = self.identifier("a command")?;
        let arguments = self.arguments()?;
        let tests = self.tests()?;
        if self.takes(';')? {
            return Ok(Command { at, name, label, arguments, tests, block: None });
        }
        self.require('{', "`;` or `{` at the end of the command")?;
        self.deeper()?;
        let mut block = Vec::new();
        while !self.takes('}')? {
            if self.token == Token::End {
                return self.at.expected("`}` at the end of the block", "the end of the script");
            }
            block.push(self.command()?);
        }
        self.depth -= 1;
        Ok(Command { at, name, label, arguments, tests, block: Some(block) })
    }

    fn identifier(&mut self, expected: &str) -> Result<(Spot, String), SieveError> {
        match self.take()? {
            (at, Token::Identifier(name)) => Ok((at, name)),
            (at, other) => at.expected(expected, &other.in_words()),
        }
    }

    /// `arguments = *argument [ test / test-list ]`
    fn arguments(&mut self) -> Result<Vec<Argument>, SieveError> {
        let mut arguments = Vec::new();
        loop {
            match &self.token {
                Token::Tag(_) | Token::Number(_) | Token::Text(_) => {
                    let (at, token) = self.take()?;
                    let value = match token {
                        Token::Tag(name) => Value::Tag(name),
                        Token::Number(number) => Value::Number(number),
                        Token::Text(text) => Value::Texts(vec![text]),
                        Token::Identifier(_) | Token::Mark(_) | Token::End => return Ok(arguments),
                    };
                    arguments.push(Argument { at, value });
                }
                Token::Mark('[') => {
                    let at = self.at;
                    arguments.push(Argument { at, value: Value::Texts(self.list()?) });
                }
                Token::Identifier(_) | Token::Mark(_) | Token::End => return Ok(arguments),
            }
        }
    }

    /// `string-list = "[" string *("," string) "]"`
    fn list(&mut self) -> Result<Vec<String>, SieveError> {
        self.take()?;
        let mut texts = Vec::new();
        loop {
            match self.take()? {
                (_, Token::Text(text)) => texts.push(text),
                (at, other) => return at.expected("a string in the list", &other.in_words()),
            }
            if !self.takes(',')? {
                self.require(']', "`,` or `]` in the list of strings")?;
                return Ok(texts);
            }
        }
    }

    /// `test-list = "(" test *("," test) ")"`, or one test, or none.
    fn tests(&mut self) -> Result<Vec<Test>, SieveError> {
        if matches!(self.token, Token::Identifier(_)) {
            return Ok(vec![self.test()?]);
        }
        let mut tests = Vec::new();
        if self.takes('(')? {
            loop {
                tests.push(self.test()?);
                if !self.takes(',')? {
                    self.require(')', "`,` or `)` in the list of tests")?;
                    break;
                }
            }
        }
        Ok(tests)
    }

    /// `test = identifier arguments`
    fn test(&mut self) -> Result<Test, SieveError> {
        self.deeper()?;
        let (at, name) = self.identifier("a test")?;
        let (arguments, tests) = (self.arguments()?, self.tests()?);
        self.depth -= 1;
        Ok(Test { at, name, arguments, tests })
    }
}
