package main

import (
	"strings"
	"text/template"
)

// completions are the scripts, by shell. Without a command, flags are those of serve.
var completions = map[string]*template.Template{
	"bash": script("bash", bashScript),
	"zsh":  script("zsh", zshScript),
	"fish": script("fish", fishScript),
}

func script(shell, text string) *template.Template {
	return template.Must(template.New(shell).Funcs(template.FuncMap{"zsh": forZsh.Replace, "fish": forFish.Replace}).Parse(text))
}

// What text in single quotes needs; of zsh within the brackets of a flag too.
var (
	forZsh  = strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, `\`, `\\`, ":", `\:`)
	forFish = strings.NewReplacer("'", `\'`, `\`, `\\`)
)

const bashScript = `# bash completion of cometproxy
_cometproxy() {
	local IFS=$' \t\n'
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} all=
	# bash takes -config=FILE for three words.
	if [ "$word" = = ]; then
		word=
	elif [ "$before" = = ]; then
		before=${COMP_WORDS[COMP_CWORD-2]}
	fi
	COMPREPLY=()
	case $command in
	-*) command=serve ;;
	*) if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "{{range .Commands}}{{.Name}} {{end}}help" -- "$word"))
		return
	fi ;;
	esac
	case "$command $before" in
{{- range $c := .Commands}}{{range .Flags}}
{{- if .File}}
	"{{$c.Name}} -{{.Name}}")
		IFS=$'\n'
		COMPREPLY=($(compgen -f -- "$word"))
		compopt -o filenames 2>/dev/null
		return ;;
{{- else if .Value}}
	"{{$c.Name}} -{{.Name}}") COMPREPLY=($(compgen -W "{{.Words}}" -- "$word")); return ;;
{{- end}}{{end}}{{end}}
	esac
	case $command in
{{- range .Commands}}
	{{.Name}}) all="{{range .Flags}}-{{.Name}} {{end}}{{.Words}}" ;;
{{- end}}
	help) all="{{range .Commands}}{{.Name}} {{end}}" ;;
	esac
	COMPREPLY=($(compgen -W "$all" -- "$word"))
}
complete -F _cometproxy cometproxy
`

const zshScript = `#compdef cometproxy
# zsh completion of cometproxy
_cometproxy() {
	local command=$words[2]
	local -a commands
	commands=({{range .Commands}}
		'{{.Name}}:{{zsh .Summary}}'{{end}}
		'help:explain a command'
	)
	if [[ $command == -* ]]; then
		command=serve
	elif (( CURRENT == 2 )); then
		_describe command commands
		return
	else
		# What follows is the command's own line.
		shift words
		(( CURRENT-- ))
	fi
	case $command in
{{- range .Commands}}
	{{.Name}}) _arguments{{range .Flags}} '-{{.Name}}{{if .Value}}={{end}}[{{zsh .Text}}]{{if .Value}}:{{.Value}}:{{if .File}}_files{{else if .Words}}({{.Words}}){{end}}{{end}}'{{end}}{{if .Words}} '1:shell:({{.Words}})'{{else}} '*: :'{{end}} ;;
{{- end}}
	help) (( CURRENT == 2 )) && _describe command commands ;;
	esac
}
if [ "$funcstack[1]" = _cometproxy ]; then _cometproxy "$@"; else compdef _cometproxy cometproxy; fi
`

const fishScript = `# fish completion of cometproxy
function __cometproxy_command
	set -l words (commandline -opc)
	if test (count $words) -lt 2
		contains -- $argv[1] none serve
	else if string match -q -- '-*' $words[2]
		test "$argv[1]" = serve
	else
		test "$argv[1]" = $words[2]
	end
end
complete -c cometproxy -f
complete -c cometproxy -n '__cometproxy_command none' -a help -d 'explain a command'
{{- range $c := .Commands}}
complete -c cometproxy -n '__cometproxy_command none' -a {{.Name}} -d '{{fish .Summary}}'
complete -c cometproxy -n '__cometproxy_command help' -a {{.Name}} -d '{{fish .Summary}}'
{{- range .Flags}}
complete -c cometproxy -n '__cometproxy_command {{$c.Name}}' -o {{.Name}}{{if .File}} -r -F{{else if .Words}} -x -a '{{.Words}}'{{else if .Value}} -x{{end}} -d '{{fish .Text}}'
{{- end}}
{{- if .Words}}
complete -c cometproxy -n '__cometproxy_command {{.Name}}' -a '{{.Words}}'
{{- end}}
{{- end}}
`
