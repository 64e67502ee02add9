# bash completion of tcptune. The program itself knows what there is to complete; this only asks it.
# shellcheck shell=bash disable=SC1090
source <(COMPLETE=bash /usr/sbin/tcptune)

# bash takes KEY=VALUE and pid:N for several words, and completes the last of them.
_tcptune() {
    local cur words cword begun
    _get_comp_words_by_ref -n =: cur words cword
    COMP_WORDS=("${words[@]}")
    COMP_CWORD=$cword
    _clap_complete_tcptune tcptune "$cur"
    begun=${cur%"${cur##*[=:]}"}
    COMPREPLY=("${COMPREPLY[@]#"$begun"}")
}
complete -o nospace -o bashdefault -o nosort -F _tcptune tcptune
