# Shared by the scripts beside it; read with `source`.

# step HEADING: says what begins, and when, counted from the start of the script.
step() {
    printf '\n== %s (at %d:%02d)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60))
}

# fail REASON: ends the script.
fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

# install_missing COMMAND:PACKAGE…: installs the Debian package of each command that is not there.
install_missing() {
    local pair packages=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || packages+=("${pair##*:}")
    done
    [[ ${#packages[@]} -eq 0 ]] || install_packages "${packages[@]}"
}

# install_packages PACKAGE…: installs Debian packages.
install_packages() {
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        fail "missing and not installable here: $*"
    fi
    echo "installing $*"
    apt-get -qq update </dev/null
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@" </dev/null >/dev/null
}
