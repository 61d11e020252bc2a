//! Classic BPF as seccomp(2) takes it: instructions over `struct seccomp_data` of
//! linux/seccomp.h (call number at 0, architecture at 4, arguments of 8 bytes from 16 on).

use nix::libc::{self, sock_filter};

pub const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
pub const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
pub const BITS: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
pub const LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
pub const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// A program under construction; jumps lead forward only.
#[derive(Default)]
pub struct Program(Vec<sock_filter>);

impl Program {
    fn add(&mut self, code: u16, k: u32, jt: u8, jf: u8) {
        self.0.push(sock_filter { code, jt, jf, k });
    }

    /// Takes the call's number as the value that the next steps compare.
    pub fn load_number(&mut self) {
        self.add(LOAD, 0, 0, 0);
    }

    /// Takes the architecture.
    pub fn load_architecture(&mut self) {
        self.add(LOAD, 4, 0, 0);
    }

    /// Takes the lower 32 bits of an argument; no argument that is asked for has more (the
    /// kernel itself takes `int` or `unsigned int`, or flags below 2^32).
    pub fn load_argument(&mut self, number: u8) {
        self.add(LOAD, 16 + 8 * u32::from(number), 0, 0);
    }

    /// Where the value is `value`, `other` decides, which has to.
    pub fn only_for(&mut self, value: u32, other: Self) {
        self.add(EQUAL, value, 1, 0);
        self.add(JUMP, other.0.len() as u32, 0, 0);
        self.0.extend(other.0);
    }

    /// Answers `error`.
    pub fn refuse(&mut self, error: i32) {
        self.add(RETURN, libc::SECCOMP_RET_ERRNO | error as u32, 0, 0);
    }

    /// Answers `error` to this value.
    pub fn refuse_value(&mut self, value: u32, error: i32) {
        self.add(EQUAL, value, 0, 1);
        self.refuse(error);
    }

    /// Answers `error` to all other values.
    pub fn refuse_unless(&mut self, value: u32, error: i32) {
        self.add(EQUAL, value, 1, 0);
        self.refuse(error);
    }

    /// Answers `error` to this value and all above it.
    pub fn refuse_from(&mut self, value: u32, error: i32) {
        self.add(LEAST, value, 0, 1);
        self.refuse(error);
    }

    /// Answers `error` to a value with any of these bits.
    pub fn refuse_bits(&mut self, bits: u32, error: i32) {
        self.add(BITS, bits, 0, 1);
        self.refuse(error);
    }

    /// Lets the call through.
    pub fn allow(&mut self) {
        self.add(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0);
    }

    /// Lets the call through where the value is this one.
    pub fn allow_value(&mut self, value: u32) {
        self.add(EQUAL, value, 0, 1);
        self.allow();
    }

    /// Ends the process.
    pub fn kill(&mut self) {
        self.add(RETURN, libc::SECCOMP_RET_KILL_PROCESS, 0, 0);
    }

    /// The instructions.
    pub fn finish(self) -> Vec<sock_filter> {
        self.0
    }
}
