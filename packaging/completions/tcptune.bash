# bash completion of tcptune. The program itself knows what there is to complete; this only asks it.
# shellcheck shell=bash disable=SC1090
source <(COMPLETE=bash /usr/sbin/tcptune)

_tcptune() {
    local cur words cword begun place word -
    # The answer is no pattern.
    set -f
    # bash takes KEY=VALUE and pid:N for several words, and completes the last of them.
    _get_comp_words_by_ref -n =: cur words cword
    COMP_WORDS=("${words[@]}")
    COMP_CWORD=$cword
    _clap_complete_tcptune tcptune "$cur"
    begun=${cur%"${cur##*[=:]}"}
    COMPREPLY=("${COMPREPLY[@]#"$begun"}")
    # A file may be called anything, and bash would read what it is called.
    for place in "${!COMPREPLY[@]}"; do
        printf -v word %q "${COMPREPLY[place]}"
        COMPREPLY[place]=${word/#'\~'/'~'}
    done
}
complete -o nospace -o bashdefault -o nosort -F _tcptune tcptune
