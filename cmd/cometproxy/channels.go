package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

const channelsUsage = `
Usage: cometproxy channels [flags] [PREFIX]

Lists the channels of a running cometproxy on which somebody waits or of which
something is kept, all or those whose names begin with PREFIX.

Examples:
  cometproxy channels
  cometproxy channels -sort waiters room:
  cometproxy channels -json | jq .waiters
`

// channelLine is a channel as the internal listener describes it.
type channelLine struct {
	Name         string  `json:"name"`
	Waiters      int     `json:"waiters"`
	Messages     int     `json:"messages"`
	ID           *string `json:"id"`
	OldestWaiter float64 `json:"oldest_waiter_seconds"`
}

// orders are the values of -sort.
var orders = map[string]func(a, b channelLine) int{
	"name":     func(a, b channelLine) int { return strings.Compare(a.Name, b.Name) },
	"waiters":  func(a, b channelLine) int { return cmp.Compare(b.Waiters, a.Waiters) },
	"messages": func(a, b channelLine) int { return cmp.Compare(b.Messages, a.Messages) },
	"oldest":   func(a, b channelLine) int { return cmp.Compare(b.OldestWaiter, a.OldestWaiter) },
}

// runChannels lists the channels.
func runChannels(args []string, stdout, stderr io.Writer) int {
	flags := newFlags("channels", channelsUsage, stdout)
	file := flags.String("config", "", "`FILE` that names the internal listener and the token (default "+defaultConfig+", or the defaults if there is none)")
	address := flags.String("url", "", "`URL` of the internal listener instead of the configuration's: http://host:port or unix:/path")
	order := flags.String("sort", "name", "`BY` name, waiters, messages or oldest (waiter)")
	lines := flags.Bool("json", false, "print one JSON object for each channel")
	if code, done := parseFlags(flags, args, stderr); done {
		return code
	}
	if flags.NArg() > 1 {
		return usageError(stderr, "channels", "unexpected %q after the prefix; put flags before it", flags.Arg(1))
	}
	by, ok := orders[*order]
	if !ok {
		return usageError(stderr, "channels", "-sort is name, waiters, messages or oldest, not %q", *order)
	}
	var from inside
	why := from.locate(*file, *address)
	if why == "" {
		all, err := from.channels(flags.Arg(0))
		if err == nil {
			slices.SortStableFunc(all, by)
			printChannels(stdout, all, *lines)
			return exitOK
		}
		why = err.Error()
	}
	fmt.Fprintf(stderr, "cometproxy channels: %s\n", why)
	return exitFailed
}

// channels asks for all pages.
func (p *inside) channels(prefix string) (all []channelLine, err error) {
	after := ""
	for {
		reply, err := p.get("/channels?limit=1000&prefix=" + url.QueryEscape(prefix) + "&after=" + url.QueryEscape(after))
		if err != nil {
			return nil, err
		}
		var page struct {
			Channels []channelLine
			Next     string
		}
		if err := json.Unmarshal(reply, &page); err != nil {
			return nil, fmt.Errorf("%s does not answer as cometproxy does: %w", p.address, err)
		}
		all = append(all, page.Channels...)
		if page.Next == "" {
			return all, nil
		}
		after = page.Next
	}
}

func printChannels(stdout io.Writer, all []channelLine, lines bool) {
	if lines {
		encoder := json.NewEncoder(stdout)
		for _, c := range all {
			encoder.Encode(c)
		}
		return
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHANNEL\tWAITERS\tOLDEST\tMESSAGES\tNEWEST ID")
	for _, c := range all {
		oldest, id := "-", "-"
		if c.Waiters > 0 {
			oldest = time.Duration(c.OldestWaiter * float64(time.Second)).Round(100 * time.Millisecond).String()
		}
		if c.ID != nil {
			id = *c.ID
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\n", printable(c.Name), c.Waiters, oldest, c.Messages, id)
	}
	table.Flush()
}

// printable is text without anything that a terminal would take for a command.
func printable(text string) string {
	quoted := fmt.Sprintf("%q", text)
	if quoted[1:len(quoted)-1] == text {
		return text
	}
	return quoted
}
