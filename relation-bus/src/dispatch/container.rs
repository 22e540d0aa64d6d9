//! Puts a charm's process where its unit's paths are where Juju has them.
//!
//! Programs that we did not write look for `/charm/containers/<container>/pebble.socket` and for
//! their pod's host name, whatever the unit's root is. They get a mount namespace of their own with
//! the machine's root in it, and the unit's `/charm`, `/etc/hosts` and service account laid over
//! it. What it writes to `/etc` and `/usr`, such as a certificate that it trusts, stays with the
//! unit. That needs root, or a kernel that lets anybody make a user namespace. Where neither is so
//! the program runs without, and the unit's log says so.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::fs::{chroot, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// The name under which the `relation-bus` program is [`enter`].
pub const PROGRAM: &str = "charm-container";

/// Where below a unit's root that is kept which its charm has written to the system.
pub(super) const WRITTEN: &str = "written";

/// Whether a charm's process is put into a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Confinement {
    /// It finds its unit's root by itself, as our own charms do.
    #[default]
    None,
    /// It expects Juju's paths.
    Container,
}

/// Folders of the machine that a charm may write to without anybody else seeing it.
const OWN: [&str; 2] = ["etc", "usr"];

/// Files of the unit's root that lie over those of the machine.
const FILES: [&str; 3] = ["etc/hosts", "etc/hostname", "etc/resolv.conf"];

/// Names are looked up in `/etc/hosts` only: the pod's name server isn't there, and a charm that
/// waits for it would wait for long.
const NAME_SERVICE: &str = "passwd: files\ngroup: files\nhosts: files\n";

/// Replaces this process by a program in the container of a unit. The arguments are the unit's root,
/// the program and what it is given; directory and environment stay as they are.
#[must_use]
pub fn enter(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let (Some(root), Some(program)) = (arguments.next(), arguments.next()) else {
        say(&format!("cannot run a charm: `{PROGRAM}` expects a unit's root and a program"));
        return ExitCode::from(2);
    };
    let root = PathBuf::from(root);
    if let Err(error) = contain(&root) {
        say(&format!("cannot put the charm into a container: {error}; it runs without `/charm`"));
    }
    let mut command = Command::new(&program);
    command.args(arguments);
    let Err(error) = replace(command);
    say(&format!("cannot start `{}`: {error}", Path::new(&program).display()));
    ExitCode::from(127)
}

fn replace(mut command: Command) -> Result<Infallible, io::Error> {
    Err(command.exec())
}

/// Into the log of the unit, whose agent reads this process's standard error.
fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Makes the namespace and moves this process into it.
fn contain(root: &Path) -> io::Result<()> {
    let directory = std::env::current_dir()?;
    let spaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS;
    if unshare(spaces).is_err() {
        become_root_of_a_user_namespace(spaces)?;
    }
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    let new = root.join("container");
    std::fs::create_dir_all(&new)?;
    mount(Some("tmpfs"), &new, Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))?;
    mirror(Path::new("/"), &new, &["charm", "run", OWN[0], OWN[1]])?;
    for folder in OWN {
        cover(folder, root, &new)?;
    }
    std::fs::create_dir(new.join("charm"))?;
    // That of a unit without workload containers isn't there yet.
    std::fs::create_dir_all(root.join("charm"))?;
    bind(&root.join("charm"), &new.join("charm"))?;
    std::fs::create_dir(new.join("run"))?;
    mirror(Path::new("/run"), &new.join("run"), &["secrets"])?;
    let secrets = root.join("var/run/secrets");
    if secrets.is_dir() {
        std::fs::create_dir(new.join("run/secrets"))?;
        bind(&secrets, &new.join("run/secrets"))?;
    }
    let names = new.join("nsswitch.conf");
    std::fs::write(&names, NAME_SERVICE)?;
    lay_over(&names, &new.join("etc/nsswitch.conf"));
    for file in FILES {
        lay_over(&root.join(file), &new.join(file));
    }
    if let Ok(name) = std::fs::read_to_string(root.join("etc/hostname")) {
        nix::unistd::sethostname(name.trim())?;
    }
    chroot(&new)?;
    std::env::set_current_dir(directory)
}

/// Everybody may be root in a user namespace of their own, where the kernel allows one.
fn become_root_of_a_user_namespace(spaces: CloneFlags) -> io::Result<()> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(spaces | CloneFlags::CLONE_NEWUSER)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {user} 1\n"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {group} 1\n"))
}

/// Shows the entries of a folder in a new one, but for some.
fn mirror(folder: &Path, new: &Path, without: &[&str]) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if name.to_str().is_some_and(|name| without.contains(&name)) {
            continue;
        }
        let place = new.join(&name);
        if kind.is_symlink() {
            symlink(std::fs::read_link(entry.path())?, place)?;
            continue;
        }
        if kind.is_dir() {
            std::fs::create_dir(&place)?;
        } else {
            std::fs::write(&place, "")?;
        }
        // What can't be shown, such as a mount of another user, is left empty.
        let _ = bind(&entry.path(), &place);
    }
    Ok(())
}

fn bind(from: &Path, to: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    Ok(mount(Some(from), to, None::<&str>, flags, None::<&str>)?)
}

/// Shows a folder of the machine with what the unit has written to it. Where the kernel can't keep
/// that in the unit's root it is forgotten after the hook.
fn cover(folder: &str, root: &Path, new: &Path) -> io::Result<()> {
    let (machine, place) = (Path::new("/").join(folder), new.join(folder));
    std::fs::create_dir(&place)?;
    for above in [root.join(WRITTEN), new.join(".written")] {
        let (upper, work) = (above.join(folder), above.join(format!("{folder}.work")));
        std::fs::create_dir_all(&upper)?;
        std::fs::create_dir_all(&work)?;
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            machine.display(),
            upper.display(),
            work.display()
        );
        let flags = MsFlags::empty();
        if mount(Some("overlay"), &place, Some("overlay"), flags, Some(options.as_str())).is_ok() {
            return Ok(());
        }
    }
    Err(io::Error::other(format!("`{}` can't be covered", machine.display())))
}

/// Lays a file over one of the machine; a machine without that file does without it.
fn lay_over(from: &Path, to: &Path) {
    if from.is_file() && to.is_file() {
        let _ = bind(from, to);
    }
}
