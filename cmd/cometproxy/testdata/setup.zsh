# Sourced by the inner shell: completion as users have it, and a key that tells what
# there is to choose from.
PROMPT= RPROMPT= KEYTIMEOUT=1
unset zle_bracketed_paste
fpath=($PWD/functions $fpath)
autoload -Uz compinit && compinit -u -D
typeset -ga matches
compadd() {
	if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
		local -a found
		builtin compadd -A found "$@"
		matches+=($found)
	fi
	builtin compadd "$@"
}
tell() {
	matches=()
	zle list-choices
	zle -I
	print -r -- "<matches>${(ou)matches}</matches>"
	BUFFER=
}
zle -N tell
bindkey '^X' tell
cd files
