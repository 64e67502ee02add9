#!/usr/bin/env bash
# Ten hosts on a bridge, each with namespaces, files and an sshd of its own; the shipped examples over ssh.
set -euo pipefail

HOSTS=10
FLEET=$WORK/fleet
CANARY=web-1
declare -A INIT

# Starts a host, and notes its first process.
start() {
    local number=$1 name=web-$1 unshare
    mkdir "$FLEET/$name"
    ssh-keygen -q -t ed25519 -N '' -f "$FLEET/$name/key"
    echo "10.77.0.$number $(cut -d ' ' -f 1,2 "$FLEET/$name/key.pub")" >>"$FLEET/known_hosts"
    echo "$name ansible_host=10.77.0.$number" >>"$FLEET/inventory"
    unshare --mount --net --pid --ipc --uts --fork --kill-child --mount-proc \
        bash "$BED/host.sh" "$number" "$FLEET" >"$FLEET/$name/log" 2>&1 &
    unshare=$!
    eventually pgrep --parent "$unshare" >"$FLEET/$name/init"
    INIT[$name]=$(cat "$FLEET/$name/init")
    ip link add "$name" type veth peer name eth0 netns "${INIT[$name]}"
    ip link set "$name" master bridge up
}

say() {
    echo "-- $SECONDS s: $1"
}

on() {
    nsenter --target "${INIT[$1]}" --mount --net --pid --ipc --uts --root --wd=/ -- "${@:2}"
}

eventually() {
    local deadline=$((SECONDS + 20))
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || { echo "never came true: $*" >&2; return 1; }
        sleep 0.1
    done
}

play() {
    local example=$1
    shift
    ansible-playbook --inventory "$FLEET/inventory" --forks "$HOSTS" "$TREE/examples/$example" \
        --extra-vars "@$FLEET/vars.yml" "$@"
}

# What a host holds, has on disk and remembers.
state() {
    on "$1" sh "$TREE/tests/integration/targets/setup_tcptune/files/state.sh" "${2:-all}"
}

others() {
    local name
    for name in "${!INIT[@]}"; do
        [ "$name" = "$CANARY" ] || state "$name" >"$FLEET/$name/$1"
    done
}

mkdir "$FLEET"
ssh-keygen -q -t ed25519 -N '' -f "$FLEET/login"
ip link add bridge type bridge
ip address add 10.77.0.254/24 dev bridge
ip link set bridge up
cat >"$FLEET/inventory" <<INVENTORY
[all:vars]
ansible_user=root
ansible_ssh_private_key_file=$FLEET/login
ansible_ssh_common_args=-F none -o UserKnownHostsFile=$FLEET/known_hosts -o StrictHostKeyChecking=yes
[all]
INVENTORY
cat >"$FLEET/vars.yml" <<VARS
tcptune_binary: $TCPTUNE
tcptune_profile_files: [$FLEET/edge.toml]
tcptune_profiles: [edge]
rolling_relisten: [sh, $BED/web.sh]
rolling_health_url: http://localhost:8080/
check_directory: $FLEET/review
VARS
cat >"$FLEET/edge.toml" <<'PROFILE'
[profile]
description = "our edge"
extends = ["high-traffic"]
PROFILE
for number in $(seq "$HOSTS"); do start "$number"; done
for number in $(seq "$HOSTS"); do
    eventually bash -c "exec 3<>/dev/tcp/10.77.0.$number/22" 2>/dev/null
done

say "all get the profile, then there is nothing to do"
play site.yml
play site.yml | tee "$FLEET/again"
[ "$(grep -c 'changed=0 .* unreachable=0 .* failed=0' "$FLEET/again")" = "$HOSTS" ]
for name in "${!INIT[@]}"; do on "$name" tcptune --quiet verify; done

say "the service of the canary does not answer: it takes itself back, and no other host is touched"
sed -i 's/^extends.*/&\n[tcp]\nsomaxconn = 20000\nsyn_retries = 4/' "$FLEET/edge.toml"
others before
state "$CANARY" machine >"$FLEET/$CANARY/before"
sick='{tcptune_confirm_within: 5s, rolling_health_url: "http://localhost:8080/nothing", rolling_health_retries: 0}'
if play rolling.yml --extra-vars "$sick"; then
    echo "nobody noticed" >&2
    exit 1
fi
others after
for name in "${!INIT[@]}"; do
    [ "$name" = "$CANARY" ] || diff "$FLEET/$name/before" "$FLEET/$name/after"
done
reverted() { on "$CANARY" tcptune history | head -n 1 | grep reverted; }
eventually reverted
state "$CANARY" machine | grep -v edge.toml | diff <(grep -v edge.toml "$FLEET/$CANARY/before") -

say "the service answers: all are confirmed, and listen with the new limit"
play rolling.yml
for name in "${!INIT[@]}"; do
    on "$name" tcptune --quiet verify
    on "$name" tcptune --json status | grep '"unconfirmed": null'
    on "$name" grep '^net.core.somaxconn = 20000$' /etc/sysctl.d/99-tcptune.conf
    on "$name" ss --no-header --listening --tcp --numeric 'sport = 8080' | grep ' 20000 '
done

say "what they hold can be reviewed elsewhere"
on "$CANARY" sysctl --quiet -w net.ipv4.tcp_syn_retries=9
play check.yml | tee "$FLEET/check"
[ "$(grep -c '"msg": "clean"' "$FLEET/check")" = $((HOSTS - 1)) ]
"$TCPTUNE" diff "$FLEET/edge.toml" --against "$FLEET/review/web-2.json"
if "$TCPTUNE" diff "$FLEET/edge.toml" --against "$FLEET/review/$CANARY.json" >"$FLEET/answer"; then
    echo "the review found nothing" >&2
    exit 1
fi
grep '^-net.ipv4.tcp_syn_retries = 9$' "$FLEET/answer"
