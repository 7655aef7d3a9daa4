#!/bin/sh
# Records the event logs of ../fixtures anew. Needs `pulumi`, its Python language host and an `aws` provider on the
# PATH, a login to a file backend and PULUMI_CONFIG_PASSPHRASE. The provider need not create anything: what is recorded
# is what the engine says of the policies. SLOW=1 asks the provider to hang on the bucket, so that the engine can be
# killed meanwhile.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
fixtures=$here/../fixtures
raw=$(mktemp -d)
export PULUMI_DEBUG_COMMANDS=1

stack() {
    cd "$here/$1" && pulumi stack init dev >/dev/null 2>&1
}

keep() {
    python3 "$here/trim.py" <"$raw/log" >"$fixtures/$1.jsonl"
}

preview() {
    name=$1
    shift
    PULUMI_ENABLE_STREAMING_JSON_PREVIEW=1 pulumi preview --json "$@" >"$raw/log" 2>/dev/null
    keep "$name"
}

up() {
    name=$1
    shift
    pulumi up --yes --event-log "$raw/log" "$@" >/dev/null 2>&1
    keep "$name"
}

pack='--policy-pack ../pack'
lowered='--policy-pack-config ../lowered.json'
# shellcheck disable=SC2086
{
    stack program
    preview preview $pack
    preview preview-lowered $pack $lowered
    BOOM=1 preview preview-throws $pack
    preview preview-foreign --policy-pack ../other
    preview preview-both $pack --policy-pack ../other
    preview preview-none
    up up-refused $pack --skip-preview
    MODE=clean up up-clean $pack
    MODE=replace up up-replace $pack --skip-preview $lowered
    STACKFAIL=1 MODE=clean up up-stack-fails $pack --skip-preview
    pulumi destroy --yes --event-log "$raw/log" >/dev/null 2>&1
    keep destroy
    SLOW=1 MODE=clean pulumi up --yes --skip-preview $pack --event-log "$raw/log" >/dev/null 2>&1 &
    engine=$!
    sleep 8
    kill -9 "$engine"
    wait "$engine" 2>/dev/null
    keep up-killed

    stack hospital
    cp -R "$here/../../../policies" "$raw/policies"
    until=$(date -u -d '+300 days' +%F)
    sed "s/APPROVED/$(date -u +%F)/; s/EXPIRES/$until/" waivers.yaml >"$raw/policies/waivers.yaml"
    preview hospital-preview --policy-pack "$raw/policies"
    up hospital-up --policy-pack "$raw/policies" --policy-pack-config ../advisory.json --skip-preview
}
rm -f "$here"/*/Pulumi.dev.yaml
rm -rf "$raw"
