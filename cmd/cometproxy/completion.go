package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/template"
)

const completionUsage = `
Usage: cometproxy completion bash|zsh|fish

Prints a script that completes commands, their flags and file names in a shell.

Examples:
  cometproxy completion bash > /etc/bash_completion.d/cometproxy
  cometproxy completion zsh > "${fpath[1]}/_cometproxy"
  cometproxy completion fish > ~/.config/fish/completions/cometproxy.fish
`

// completions are the scripts, by shell.
var completions = map[string]*template.Template{
	"bash": template.Must(template.New("bash").Parse(`# bash completion of cometproxy
_cometproxy() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} flags=
	COMPREPLY=()
	case $before in
	-config) COMPREPLY=($(compgen -f -- "$word")); return ;;
	esac
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "{{range .}}{{.Name}} {{end}}help" -- "$word"))
		return
	fi
	case ${COMP_WORDS[1]} in
{{- range .}}
	{{.Name}}) flags="{{range .Flags}}-{{.Name}} {{end}}{{.Words}}" ;;
{{- end}}
	help) flags="{{range .}}{{.Name}} {{end}}" ;;
	esac
	COMPREPLY=($(compgen -W "$flags" -- "$word"))
}
complete -o default -F _cometproxy cometproxy
`)),
	"zsh": template.Must(template.New("zsh").Parse(`#compdef cometproxy
# zsh completion of cometproxy
_cometproxy() {
	local -a commands
	commands=({{range .}}
		'{{.Name}}:{{.Summary}}'{{end}}
		'help:explain a command'
	)
	if (( CURRENT == 2 )); then
		_describe command commands
		return
	fi
	case $words[2] in
{{- range .}}
	{{.Name}}) _arguments{{range .Flags}} '-{{.Name}}[{{.Text}}]{{if .Value}}:{{.Value}}:{{if eq .Name "config"}}_files{{end}}{{end}}'{{end}}{{if .Words}} '*:what:({{.Words}})'{{else}} '*:: :_default'{{end}} ;;
{{- end}}
	help) _describe command commands ;;
	esac
}
if [ "$funcstack[1]" = _cometproxy ]; then _cometproxy "$@"; else compdef _cometproxy cometproxy; fi
`)),
	"fish": template.Must(template.New("fish").Parse(`# fish completion of cometproxy
complete -c cometproxy -f -n __fish_use_subcommand -a help -d 'explain a command'
{{- range $c := .}}
complete -c cometproxy -f -n __fish_use_subcommand -a {{.Name}} -d '{{.Summary}}'
{{- range .Flags}}
complete -c cometproxy {{if eq .Name "config"}}-r -F{{else if .Value}}-x{{end}} -n '__fish_seen_subcommand_from {{$c.Name}}' -o {{.Name}} -d '{{.Text}}'
{{- end}}
{{- if .Words}}
complete -c cometproxy -f -n '__fish_seen_subcommand_from {{.Name}}' -a '{{.Words}}'
{{- end}}
{{- end}}
`)),
}

// A completed command is what its help says of it.
type completed struct {
	Name, Summary string
	Flags         []completedFlag
	Words         string // that may follow, besides flags
}

type completedFlag struct{ Name, Value, Text string }

var flagLine = regexp.MustCompile(`(?m)^  -(\S+)(?: ([A-Z]\S*))?  +(.+)$`)

// runCompletion prints a script.
func runCompletion(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("completion", completionUsage, stdout)
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	script := completions[flags.Arg(0)]
	if flags.NArg() != 1 || script == nil {
		return usageError(stderr, "completion", "name one shell: bash, zsh or fish")
	}
	var all []completed
	for i := range commands {
		all = append(all, completedOf(&commands[i]))
	}
	if err := script.Execute(stdout, all); err != nil {
		fmt.Fprintf(stderr, "cometproxy completion: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// completedOf reads a command's own help, so that the two cannot differ.
func completedOf(c *command) completed {
	d := completed{Name: c.name, Summary: forShell(c.summary)}
	if c.name == "completion" {
		d.Words = "bash zsh fish"
		return d
	}
	var help bytes.Buffer
	c.run([]string{"-h"}, &help, io.Discard)
	_, table, _ := strings.Cut(help.String(), "\nFlags:\n")
	for _, m := range flagLine.FindAllStringSubmatch(table, -1) {
		d.Flags = append(d.Flags, completedFlag{m[1], m[2], forShell(m[3])})
	}
	return d
}

// forShell is text for single quotes, and for zsh's brackets, without what these mean.
func forShell(text string) string {
	return strings.NewReplacer("'", "", "[", "(", "]", ")", ":", "", `\`, "").Replace(text)
}
