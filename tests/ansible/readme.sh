#!/usr/bin/env bash
# The playbook of the README, word for word, on a host that has nothing of tcptune yet: what the README says is what
# check mode prints of the declaration, and what the run prints. `UPDATE=1` brings the README up to date.
set -euo pipefail
README=$BED/../../README.md

block() {
    sed -n '/^<!-- ansible -->$/,/^<!-- \/ansible -->$/p' "$README" | sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" | sed '1d;$d'
}

site() {
    (cd "$WORK/readme" && ansible-playbook --inventory web-17, --connection local --diff "$@" site.yml)
}

# As on a host: the sandbox is a container to tcptune.
declaration() {
    sed -n '/^TASK \[.* : Apply\]/,/^\(changed\|ok\|skipping\|fatal\):/p' "$1" |
        sed 's/container namespace/host namespace/; s/\*\*\*\**$/***/; s/ *$//'
}

mkdir -p "$WORK/readme/files"
cp "$TCPTUNE" "$WORK/readme/files/tcptune"
block yaml >"$WORK/readme/site.yml"
site --check >"$WORK/check"
site >"$WORK/run"
diff <(declaration "$WORK/check") <(declaration "$WORK/run")
{
    printf '# ansible-playbook --check --diff site.yml\n'
    declaration "$WORK/check"
} >"$WORK/said"
if [ -n "${UPDATE:-}" ]; then
    awk -v said="$WORK/said" '
        /^<!-- ansible -->$/ { inside = 1 }
        /^<!-- \/ansible -->$/ { inside = 0 }
        inside && /^```$/ && text { text = 0 }
        !text { print }
        inside && /^```text$/ { text = 1; while ((getline line < said) > 0) print line }
    ' "$README" >"$WORK/README.md"
    cat "$WORK/README.md" >"$README"
fi
diff "$WORK/said" <(block text)
