package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cometproxy/test/load/internal/figures"
)

// byHand is the line of the page below which nothing is written by this program.
const byHand = "<!-- Below this line the page is written by hand; compare leaves it as it is. -->"

// A section is a part of the page: one measurement.
type section struct {
	verb, title, text string
	columns           []column
	plots             []plot
}

// A column is a figure in a table.
type column struct {
	key, title string
	ratios     bool // to the floor and to the better of both Nchans, in tables of their own
	more       bool // is better
}

// A plot is a figure of all servers.
type plot struct{ file, key, title, unit string }

var sections = []section{
	{
		verb: "park", title: "Memory of a parked client",
		text: "PSS of all processes of the server, all clients parked on one channel, less the PSS before the first client came, divided by the clients; after four rounds of a message to all and a new poll of all, and 3 s of rest. " +
			"*Unforced* is what the server needs by itself. *Forced* is after it was made to give back what it does not need, where that is possible (`POST /debug/free`). " +
			"*Kernel* is what each connection takes beside that in the kernel, in every server: half of what the kernel's objects grew by, as both ends are on this machine; *total* is that and the forced figure, or the unforced one where there is no other. " +
			"A server that is told to keep fewer bytes for messages or buffers would need fewer; each has what its users run.",
		columns: []column{{key: "unforced", title: "unforced, bytes", ratios: true}, {key: "forced", title: "forced, bytes"}, {key: "kernel", title: "kernel, bytes"}, {key: "total", title: "total, bytes"}, {key: "idle", title: "idle server, MiB"}},
		plots:   []plot{{"memory.svg", "unforced", "Memory of a parked client, unforced", "bytes"}},
	},
	{
		verb: "fanout", title: "Fan-out: one message to all",
		text: "All clients wait on one channel. Times are from the first byte of the POST until a client has read the whole message: the client in the middle, 99 of 100, and the last one. " +
			"*CPU per delivery* is the server's processor time, user and system, divided by the clients; *per poll* is the same when all clients have their message and poll again. " +
			"Clients pause for 0.3 ms between two looks at what has come, as a client that reads eagerly charges the server with its wake-ups.",
		columns: []column{{key: "median", title: "middle, ms"}, {key: "p99", title: "99 %, ms"}, {key: "last", title: "last, ms", ratios: true},
			{key: "cpu_per_delivery", title: "CPU per delivery, µs", ratios: true}, {key: "cpu_per_poll", title: "CPU per poll, µs", ratios: true}},
		plots: []plot{{"fanout-last.svg", "last", "Publish until the last client has it", "ms"}, {"fanout-cpu.svg", "cpu_per_delivery", "Processor time of the server per delivery", "µs"}},
	},
	{
		verb: "churn", title: "Churn: as fast as clients come back",
		text: "2,000 clients, each alone on its channel. A channel is published to by a POST of its own as soon as its client has received and polled again; 32 connections publish, each one message at a time. " +
			"*CPU per delivery* holds the publish, the delivery and the poll. Clients and publishers share the machine with the server, so deliveries per second are those of this machine.",
		columns: []column{{key: "deliveries", title: "deliveries/s", ratios: true, more: true}, {key: "cpu_per_delivery", title: "CPU per delivery, µs", ratios: true},
			{key: "p50", title: "middle, ms"}, {key: "p99", title: "99 %, ms", ratios: true}},
		plots: []plot{{"churn.svg", "deliveries", "Deliveries per second, each by its own publish", "/s"}, {"churn-p99.svg", "p99", "Churn: 99 % of messages arrive within", "ms"}},
	},
	{
		verb: "mixed", title: "Mixed: small channels while a huge one fans out",
		text: "2,000 small channels of one client each get 1,000 messages per second, all together; all other clients wait on one huge channel. Publish to receipt on the small channels: " +
			"*alone*, while the huge channel is silent; *fan-out*, while a message to all of the huge channel is under way; *re-poll*, while its clients poll again. The floor takes no care of them: it writes to the huge channel in one go.",
		columns: []column{{key: "alone_p50", title: "alone, middle, ms"}, {key: "alone_p99", title: "alone, 99 %, ms"}, {key: "fanout_p50", title: "fan-out, middle, ms"},
			{key: "fanout_p99", title: "fan-out, 99 %, ms", ratios: true}, {key: "repoll_p99", title: "re-poll, 99 %, ms", ratios: true}, {key: "last", title: "last of the huge one, ms"}},
		plots: []plot{{"mixed.svg", "fanout_p99", "Small channels during the fan-out: 99 % arrive within", "ms"}},
	},
}

// write writes the page and its plots. What was written by hand stays.
func write(docs string, t *taking) error {
	dir := filepath.Join(docs, "benchmarks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := figures.WriteJSON(figuresFile(docs), t); err != nil {
		return err
	}
	var b strings.Builder
	head(&b, t)
	for i := range sections {
		all := t.of(sections[i].verb)
		if len(all) == 0 {
			continue
		}
		sections[i].write(&b, all)
		for _, p := range sections[i].plots {
			if err := os.WriteFile(filepath.Join(dir, p.file), []byte(p.draw(all)), 0o644); err != nil {
				return err
			}
		}
	}
	trust(&b, t)
	page := filepath.Join(docs, "benchmarks.md")
	old, err := os.ReadFile(page)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	_, hand, _ := strings.Cut(string(old), byHand)
	fmt.Fprintf(&b, "%s\n%s", byHand, strings.TrimPrefix(hand, "\n"))
	return os.WriteFile(page, []byte(b.String()), 0o644)
}

// head is what was measured, how and where.
func head(b *strings.Builder, t *taking) {
	fmt.Fprintf(b, "# Benchmarks\n\n")
	fmt.Fprintf(b, "The same work for cometproxy, for servers that do the same, and for the *floor*: a bare loop on epoll that writes the same bytes to the same number of sockets, "+
		"without parsing HTTP, keeping messages or watching the time. It is what the kernel takes, which nobody gets below.\n\n")
	fmt.Fprintf(b, "Anyone can run it again, on Linux:\n\n```sh\ngo run ./test/load/compare -clients %d -rounds %d\n```\n\n", t.Clients, t.Rounds)
	fmt.Fprintf(b, "and a single measurement of any server with `go run ./test/load fanout -h` (`park`, `churn`, `mixed`). "+
		"Figures and ratios are medians of the rounds, with the range of the rounds in brackets; [benchmarks/figures.json](benchmarks/figures.json) has them all.\n\n## Method\n\n")
	fmt.Fprintf(b, "Taken on %s; clients: %d; rounds: %d.", t.Date, t.Clients, t.Rounds)
	if len(t.Reports) > 0 {
		m := t.Reports[0].Machine
		fmt.Fprintf(b, " Machine: %d cores (%s), Linux %s, %s, which server, clients and publishers share over loopback.", m.Cores, m.CPU, m.Kernel, m.Go)
		fmt.Fprintf(b, " Of its processor time others used %s.", foreign(t))
	}
	fmt.Fprintf(b, ` Each server is started anew for each measurement; servers take turns within each round. Clients are one thread on one
epoll loop, without Go's network poller: a few µs per answer, nearly all of it in the kernel. Each request has a browser's headers and %s bytes
of cookies. Every body is compared with what was published. No server writes an access log.

`, cookieBytes(t))
	versions(b, t)
}

func cookieBytes(t *taking) string {
	if len(t.Reports) == 0 {
		return "0"
	}
	return figures.Format(float64(t.Reports[0].Cookies))
}

// foreign is the range of what others did meanwhile.
func foreign(t *taking) string {
	var all []float64
	for i := range t.Reports {
		if v, ok := t.Reports[i].Get("foreign_cpu"); ok {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return "an unknown share"
	}
	return fmt.Sprintf("%.1f %% (median of all measurements; at most %.0f %%)", figures.Median(all), slices.Max(all))
}

func versions(b *strings.Builder, t *taking) {
	fmt.Fprintf(b, "| server | version | configured |\n|---|---|---|\n")
	seen := map[string]bool{}
	for _, r := range t.Reports {
		if !seen[r.Server] {
			seen[r.Server] = true
			fmt.Fprintf(b, "| %s | %s | %s |\n", r.Server, r.Version, r.Note)
		}
	}
	for _, left := range t.Left {
		fmt.Fprintf(b, "\nLeft out: %s.\n", left)
	}
	b.WriteString("\n")
}

// write writes a table of figures, one of ratios, and the plots.
func (s *section) write(b *strings.Builder, all []result) {
	fmt.Fprintf(b, "## %s\n\n%s\n\n| |", s.title, s.text)
	for _, c := range s.columns {
		fmt.Fprintf(b, " %s |", c.title)
	}
	fmt.Fprintf(b, "\n|---%s|\n", strings.Repeat("|---:", len(s.columns)))
	for i := range all {
		fmt.Fprintf(b, "| %s |", all[i].title())
		for _, c := range s.columns {
			fmt.Fprintf(b, " %s |", all[i].cell(c.key))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	s.ratios(b, all)
	for _, p := range s.plots {
		fmt.Fprintf(b, "![%s](benchmarks/%s)\n\n", p.title, p.file)
	}
}

// title is a server's name, with the number of its clients if that is not
// everybody's.
func (r *result) title() string {
	x := r.reports[0]
	if r.server == "pushpin" {
		return fmt.Sprintf("%s, %s clients", r.server, figures.Format(float64(x.Clients)))
	}
	return r.server
}

// ratios compares with the floor and with Nchan.
func (s *section) ratios(b *strings.Builder, all []result) {
	bases := []struct {
		title string
		names []string
	}{{"floor", []string{"floor"}}, {"Nchan", []string{"nchan", "nchan-2"}}}
	var head, line strings.Builder
	for _, c := range s.columns {
		for _, to := range bases {
			if c.ratios {
				fmt.Fprintf(&head, " %s : %s |", strings.Split(c.title, ",")[0]+part(c.title), to.title)
				line.WriteString("---:|")
			}
		}
	}
	fmt.Fprintf(b, "Ratios, to the floor and to the better of the two Nchans:\n\n| |%s\n|---|%s\n", head.String(), line.String())
	for i := range all {
		fmt.Fprintf(b, "| %s |", all[i].title())
		for _, c := range s.columns {
			for _, to := range bases {
				if c.ratios {
					fmt.Fprintf(b, " %s |", all[i].ratio(c.key, base(all, c.key, !c.more, to.names...)))
				}
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// part is the middle of a column's title: "fan-out, 99 %, ms".
func part(title string) string {
	if words := strings.Split(title, ","); len(words) == 3 {
		return words[1]
	}
	return ""
}

// trust says whether everybody got everything.
func trust(b *strings.Builder, t *taking) {
	fmt.Fprintf(b, "## What arrived\n\nMessages over all measurements; lost, doubled and wrong ones should be none. Refusals are answers that say no, and are asked for again; closed are connections that ended instead of an answer.\n\n")
	fmt.Fprintf(b, "| | received | lost | doubled | wrong | refusals | closed |\n|---|---:|---:|---:|---:|---:|---:|\n")
	var all []result
	for _, r := range t.Reports {
		i := slices.IndexFunc(all, func(x result) bool { return x.server == r.Server })
		if i < 0 {
			i = len(all)
			all = append(all, result{server: r.Server})
		}
		all[i].reports = append(all[i].reports, r)
	}
	for i := range all {
		y := all[i].tally()
		fmt.Fprintf(b, "| %s |", all[i].server)
		for _, n := range []int{y.Received, y.Lost, y.Doubled, y.Wrong, y.Refused, y.Closed} {
			fmt.Fprintf(b, " %s |", figures.Format(float64(n)))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}
