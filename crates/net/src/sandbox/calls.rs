//! System calls that are left: seccomp.
//!
//! A call that is not on the lists fails with `ENOSYS`, as if the kernel were too old for it, and ends
//! nothing: a newer C library tries calls of which nobody knew, and falls back to others only on that.
//! Those that programs know how to be refused fail with `EPERM`.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is,
    SeccompCondition, SeccompFilter, SeccompRule, apply_filter,
};

use super::Sandbox;

type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

/// What a running tunnel, its socket, its log and the memory of it take.
const ALWAYS: &[libc::c_long] = &[
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_brk,
    libc::SYS_chdir,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpeername,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_set_robust_list,
    libc::SYS_setsid,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_sysinfo,
    libc::SYS_tgkill,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_uname,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Older forms of the same, which younger architectures never had.
#[cfg(target_arch = "x86_64")]
const OLDER: &[libc::c_long] = &[
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_gettimeofday,
    libc::SYS_lstat,
    libc::SYS_poll,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[libc::c_long] = &[];

/// Calls that are known and refused: `EPERM` says so.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_kill,
    libc::SYS_ptrace,
];

/// What is refused besides where no names are looked up.
#[cfg(target_arch = "x86_64")]
const REFUSED_WITHOUT_NAMES: &[libc::c_long] =
    &[libc::SYS_connect, libc::SYS_open, libc::SYS_openat];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_WITHOUT_NAMES: &[libc::c_long] = &[libc::SYS_connect, libc::SYS_openat];

/// What the system's resolver and its modules take besides; Landlock says which files.
const RESOLVER: &[libc::c_long] = &[
    libc::SYS_connect,
    libc::SYS_eventfd2,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fstatfs,
    libc::SYS_getdents64,
    libc::SYS_gettimeofday,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_pipe2,
    libc::SYS_pread64,
    libc::SYS_readlinkat,
    libc::SYS_socketpair,
    libc::SYS_statfs,
];
#[cfg(target_arch = "x86_64")]
const OLDER_OF_RESOLVER: &[libc::c_long] = &[libc::SYS_access, libc::SYS_readlink];
#[cfg(not(target_arch = "x86_64"))]
const OLDER_OF_RESOLVER: &[libc::c_long] = &[];

/// Families of sockets. By those of unix whoever serves there takes root at its word, and by netlink
/// the network is changed; the resolver does without both: it asks by DNS then, and takes every address
/// for one that can be reached.
const FAMILIES: &[libc::c_int] = &[libc::AF_INET, libc::AF_INET6];

/// The bits of the type of a socket that are no flags (Linux `net.h`: `SOCK_TYPE_MASK`).
const SOCKET_TYPE_MASK: u64 = 0xf;

/// Flags of a file that is opened to be made or changed.
const WRITING: libc::c_int = libc::O_WRONLY
    | libc::O_RDWR
    | libc::O_CREAT
    | libc::O_TRUNC
    | libc::O_APPEND
    | (libc::O_TMPFILE & !libc::O_DIRECTORY);

/// Requests to an interface and to descriptors; none that types into a terminal. Which type they have
/// depends on the C library.
const IOCTLS: &[i64] = &[
    libc::FIOCLEX as i64,
    libc::FIONBIO as i64,
    libc::FIONREAD as i64,
    libc::SIOCGIFFLAGS as i64,
    libc::SIOCGIFINDEX as i64,
    libc::SIOCGIFMTU as i64,
    libc::SIOCGIFNAME as i64,
    libc::TCGETS as i64,
    libc::TUNGETIFF as i64,
];

/// Names of threads and of their memory.
const PRCTLS: &[libc::c_int] = &[libc::PR_SET_NAME, libc::PR_SET_VMA];

/// A thread in namespaces of its own would have all rights there.
const NAMESPACES: libc::c_int = libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

pub(super) fn confine(sandbox: &Sandbox) -> Result<(), seccompiler::Error> {
    let filter = |rules, otherwise, action| -> Result<BpfProgram, BackendError> {
        let architecture = std::env::consts::ARCH.try_into()?;
        SeccompFilter::new(rules, otherwise, action, architecture)?.try_into()
    };
    let errno = |errno: libc::c_int| SeccompAction::Errno(errno.unsigned_abs());
    // Of two filters the stricter one decides: what this one refuses the other lets pass.
    let refused = filter(refused(sandbox), SeccompAction::Allow, errno(libc::EPERM))?;
    let mut rules = allowed(sandbox)?;
    rules.append(&mut self::refused(sandbox));
    let allowed = filter(rules, errno(libc::ENOSYS), SeccompAction::Allow)?;
    apply_filter(&refused)?;
    apply_filter(&allowed)
}

fn refused(sandbox: &Sandbox) -> Rules {
    let without_names = if sandbox.looks_names_up {
        &[]
    } else {
        REFUSED_WITHOUT_NAMES
    };
    any_arguments([REFUSED, without_names])
}

fn allowed(sandbox: &Sandbox) -> Result<Rules, BackendError> {
    let mut rules = any_arguments([ALWAYS, OLDER]);
    rules.insert(libc::SYS_socket, sockets(sandbox)?);
    rules.insert(libc::SYS_ioctl, one_of(1, IOCTLS.iter().map(request))?);
    rules.insert(libc::SYS_prctl, one_of(0, PRCTLS.iter().map(wide))?);
    // That of younger C libraries has its flags in memory, where no filter sees them: without it they
    // take this one.
    rules.insert(libc::SYS_clone, without(0, wide(&NAMESPACES))?);
    // Limits are read, not set.
    rules.insert(libc::SYS_prlimit64, without(2, u64::MAX)?);
    if sandbox.looks_names_up {
        rules.append(&mut any_arguments([RESOLVER, OLDER_OF_RESOLVER]));
        rules.insert(libc::SYS_openat, without(2, wide(&WRITING))?);
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_open, without(1, wide(&WRITING))?);
    } else {
        // Modules of the resolver are the only code that is ever loaded.
        for call in [libc::SYS_mmap, libc::SYS_mprotect] {
            rules.insert(call, without(2, wide(&libc::PROT_EXEC))?);
        }
    }
    Ok(rules)
}

/// Sockets of datagrams; who looks names up may ask over TCP as well.
fn sockets(sandbox: &Sandbox) -> Result<Vec<SeccompRule>, BackendError> {
    let of_family = |family: &libc::c_int| {
        let is_family = SeccompCondition::new(0, Length::Dword, Is::Eq, wide(family))?;
        let mask = Is::MaskedEq(SOCKET_TYPE_MASK);
        let datagrams = wide(&libc::SOCK_DGRAM);
        let of_datagrams = SeccompCondition::new(1, Length::Dword, mask, datagrams)?;
        SeccompRule::new(if sandbox.looks_names_up {
            vec![is_family]
        } else {
            vec![is_family, of_datagrams]
        })
    };
    FAMILIES.iter().map(of_family).collect()
}

fn any_arguments(lists: [&[libc::c_long]; 2]) -> Rules {
    let calls = lists.into_iter().flatten();
    calls.map(|call| (*call, Vec::new())).collect()
}

/// Lets an argument have each of some values.
fn one_of(
    argument: u8,
    values: impl Iterator<Item = u64>,
) -> Result<Vec<SeccompRule>, BackendError> {
    let rule = |value| {
        let condition = SeccompCondition::new(argument, Length::Dword, Is::Eq, value)?;
        SeccompRule::new(vec![condition])
    };
    values.map(rule).collect()
}

/// Lets an argument have none of some bits.
fn without(argument: u8, bits: u64) -> Result<Vec<SeccompRule>, BackendError> {
    let condition = SeccompCondition::new(argument, Length::Qword, Is::MaskedEq(bits), 0)?;
    Ok(vec![SeccompRule::new(vec![condition])?])
}

/// The number of a request; the kernel takes 32 bits of it.
fn request(number: &i64) -> u64 {
    number.cast_unsigned() & u64::from(u32::MAX)
}

fn wide(value: &libc::c_int) -> u64 {
    u64::from(value.unsigned_abs())
}
