#!/usr/bin/env bash
# Runs the programs of this folder and writes a JSON file: command, exit code, seconds and last lines of every part, and the
# figures of benches and peers. A failed part does not stop the others. Requires neither Rust nor network.
#
#     ./run.sh [RESULTS.json]           on a hardware GPU; default results.json in this folder
#     DEVICE=software PRESETS=tiny SIZES=k8 DURATION=0.5 ./run.sh
#
# PARTS     what to run                   devices check bench tests criterion peers
# DEVICE    gpu or software               PRESETS, BATCHES  of bench         SIZES  of peers (k8 k36 paper)
# DURATION  seconds per measurement       LIMIT  time limit of a part in seconds
# BLENDFUSE_PYTHON  a Python with torch and numpy, for the PyTorch peer
set -uo pipefail
exec </dev/null
PATH=$PATH:/usr/sbin:/sbin # ldconfig
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=$(realpath "${1:-$here/results.json}")
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
: "${PARTS:=devices check bench tests criterion peers}" "${DEVICE:=gpu}" "${PRESETS:=tiny small paper}"
: "${BATCHES:=32 64 128}" "${SIZES:=k8 k36 paper}" "${DURATION:=3}" "${LIMIT:=1800}"
readonly TAIL=80 # lines kept of a part's output
readonly newline=$'\n'

main() {
    cd "$here" || exit 1
    : >"$logs/parts"
    use_driver
    part system system
    local chosen
    for chosen in $PARTS; do
        case $chosen in
        devices) part devices bin/blendfuse devices --json ;;
        check) part check bin/blendfuse check --device "$DEVICE" ;;
        bench) benches ;;
        tests) tests ;;
        criterion) criteria ;;
        peers) peers ;;
        *) echo "run.sh: PARTS: found $chosen, expected devices check bench tests criterion peers" >&2 ;;
        esac
    done
    {
        printf '{"date":%s,"device":%s,"built_with":%s,"parts":[\n' \
            "$(date -u +%FT%TZ | quoted)" "$(quoted <<<"$DEVICE")" "$(quoted <BUILT_WITH)"
        paste -sd, "$logs/parts"
        printf ']}\n'
    } >"$results"
    echo "run.sh: $(grep -c '"exit_code":0' "$logs/parts") of $(wc -l <"$logs/parts") parts succeeded; $results"
}

benches() {
    local preset batches=()
    for batch in $BATCHES; do batches+=(--batch "$batch"); done
    for preset in $PRESETS; do
        part "bench $preset" bin/blendfuse bench --device "$DEVICE" --preset "$preset" "${batches[@]}" \
            --seconds "$DURATION" --json "$logs/figures"
    done
}

# The tests compare an adapter with the CPU engine; the golden tests find their data through CARGO_MANIFEST_DIR.
tests() {
    local layout=$logs/layout test
    mkdir -p "$layout/tests"
    ln -sfn "$here/tests/golden.data" "$layout/tests/golden"
    for test in tests/*; do
        [[ -f $test ]] && part "test ${test##*/}" \
            env BLENDFUSE_TEST_DEVICE="$DEVICE" CARGO_MANIFEST_DIR="$layout" "$test" --test-threads=1
    done
}

criteria() {
    local bench
    for bench in criterion/*; do
        [[ -f $bench ]] && part "criterion ${bench##*/}" \
            env BLENDFUSE_TEST_DEVICE="$DEVICE" CRITERION_HOME="$logs/criterion" "$bench" --bench --noplot
    done
}

peers() {
    local size
    for size in $SIZES; do
        part "peers $size" tools/peers --device "$DEVICE" --size "$size" --seconds "$DURATION" --markdown \
            --json "$logs/figures"
    done
}

system() {
    uname -srm
    ldd --version | head -1 # the programs need at least the glibc of the build machine in BUILT_WITH
    nproc
    uptime
    if command -v nvidia-smi >/dev/null; then nvidia-smi; fi
    find /usr/share/vulkan/icd.d /etc/vulkan/icd.d -name "*.json" 2>/dev/null
    echo "added: ${VK_ADD_DRIVER_FILES:-none}"
    echo "loader: ${LD_LIBRARY_PATH:-system default}"
}

# Uses the loader of this folder if the system has none, and writes a manifest if NVIDIA's driver lacks one.
use_driver() {
    local libraries library
    libraries=$(ldconfig -p)
    if [[ $libraries != *libvulkan.so.1* ]]; then
        export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    fi
    if [[ -z $(find /usr/share/vulkan/icd.d /etc/vulkan/icd.d -name 'nvidia*' 2>/dev/null) ]]; then
        library=$(grep -oE -m1 'lib(GLX|EGL)_nvidia\.so\.0' <<<"$libraries" | head -1)
        if [[ -n $library ]]; then
            printf '{"file_format_version":"1.0.1","ICD":{"library_path":"%s","api_version":"1.3.0"}}\n' "$library" \
                >"$logs/nvidia_icd.json"
            export VK_ADD_DRIVER_FILES=$logs/nvidia_icd.json
        fi
    fi
}

# Runs a command and records its outcome. Functions of this script have no time limit, programs LIMIT seconds.
part() {
    local name=$1 started=$SECONDS code
    shift
    printf 'run.sh: %s: %s\n' "$name" "$*"
    rm -f "$logs/figures"
    if [[ $(type -t "$1") == function ]]; then "$@"; else timeout "$LIMIT" "$@"; fi >"$logs/output" 2>&1
    code=$?
    printf 'run.sh: %s: exit code %d after %d s\n' "$name" "$code" $((SECONDS - started))
    {
        printf '{"part":%s,"command":%s,"exit_code":%d,"seconds":%d,"output_tail":%s' "$(quoted <<<"$name")" \
            "$(quoted <<<"$*")" "$code" $((SECONDS - started)) "$(tail -n "$TAIL" "$logs/output" | quoted)"
        if [[ -s $logs/figures ]]; then printf ',"figures":%s' "$(tr -d '\n' <"$logs/figures")"; fi
        printf '}\n'
    } >>"$logs/parts"
}

# Prints standard input as a JSON string, without control characters other than line ends and tabs.
quoted() {
    local text
    text=$(LC_ALL=C tr -d '\000-\010\013-\037' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/\t/\\t/g')
    printf '"%s"' "${text//$newline/\\n}"
}

main
