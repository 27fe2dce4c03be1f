package route

import (
	"fmt"
	"strconv"
)

// Kind says what is wrong with a request target.
type Kind uint8

const (
	// NotFound: no route matches. 404.
	NotFound Kind = iota + 1
	// BadPath: the target is none that HTTP knows, or the path of a native
	// route is not written cleanly. 400.
	BadPath
	// BadParam: the path is clean, but a parameter, or the channel name made
	// of it, is not allowed. 400.
	BadParam
)

// String returns the name of the constant.
func (k Kind) String() string {
	switch k {
	case NotFound:
		return "NotFound"
	case BadPath:
		return "BadPath"
	case BadParam:
		return "BadParam"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Error is every error that [Table.Match] and [UnescapeSegment] return.
type Error struct {
	Kind   Kind
	Detail string // what to do about it, for the client to read
	Param  string // BadParam: the parameter's name

	// Route is the route that refused, so that the answer can carry its CORS
	// headers; nil when none was found.
	Route *Route
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }

// Status is the HTTP status the error stands for: 404 or 400.
func (e *Error) Status() int {
	if e.Kind == NotFound {
		return 404
	}
	return 400
}

// errNotFound is shared: scanners must not cost memory.
var errNotFound = &Error{Kind: NotFound, Detail: "no route matches this path"}

func badPath(format string, args ...any) *Error {
	return &Error{Kind: BadPath, Detail: fmt.Sprintf(format, args...)}
}

func badParam(name, format string, args ...any) *Error {
	return &Error{Kind: BadParam, Param: name, Detail: fmt.Sprintf(format, args...)}
}

// ConfigError is one thing wrong with one route. [NewTable] joins them all, so
// they come out of its error by Unwrap() []error.
type ConfigError struct {
	Index int    // of the route in NewTable's argument, from 0
	Key   string // the field at fault as configured: host, path, channels, params, open, backend
	Path  string // the route's path, for the reader
	Text  string // what is wrong and what to write instead
	Same  int    // the route, counted from 1, that matches the same; 0: that is not what is wrong
}

// Error names the route, counted from 1 as people do, the key and the problem.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("route %d (%s): %s: %s", e.Index+1, strconv.Quote(e.Path), e.Key, e.Text)
}
