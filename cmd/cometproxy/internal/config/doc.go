// Package config turns the text of a configuration file into a Config, or into
// a list of everything that is wrong with it, each with its line.
//
// The way of a file: the TOML library decodes it into maps (syntax.go), a small
// scanner finds the line of every key (scan.go), the table of known keys
// (keys.go) drives the walk that fills the Config (read.go, kinds.go), and then
// what one key alone cannot tell is checked (listen.go, secrets.go, bounds.go,
// backends.go, routes.go, templates.go, cors.go). A check whose keys are wrong
// already is left out, so that one mistake is reported once.
package config
