use std::fs;
use std::path::Path;

/// What shows that this program runs in a container; `None` if nothing does.
pub(super) fn sign() -> Option<String> {
    let files = ["/.dockerenv", "/run/.containerenv"];
    let file = files.into_iter().find(|file| Path::new(file).exists());
    let variables = ["container", "KUBERNETES_SERVICE_HOST"];
    let variable = || {
        let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        variables
            .into_iter()
            .find(set)
            .map(|name| format!("${name}"))
    };
    let groups = || fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
    file.map(str::to_owned)
        .or_else(variable)
        .or_else(|| is_of_container(&groups()).then(|| "/proc/1/cgroup".to_owned()))
}

/// Whether the first process is in a group that a container engine made. The second version of
/// control groups hides this, so that the absence of a sign says nothing.
fn is_of_container(groups: &str) -> bool {
    let engines = ["docker", "containerd", "kubepods", "libpod", "lxc"];
    groups
        .lines()
        .any(|line| engines.iter().any(|engine| line.contains(engine)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_a_container_name_its_engine() {
        for (groups, expected) in [
            ("12:pids:/docker/4f1c\n0::/docker/4f1c\n", true),
            ("11:cpu:/kubepods/besteffort/pod7/4f1c\n", true),
            ("0::/system.slice/libpod-4f1c.scope\n", true),
            ("9:name=systemd:/\n0::/init.scope\n", false),
            ("", false),
        ] {
            assert_eq!(is_of_container(groups), expected, "{groups}");
        }
    }
}
