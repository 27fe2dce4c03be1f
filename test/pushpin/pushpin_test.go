//go:build linux

package pushpin

import (
	"flag"
	"strings"
	"sync"
	"testing"

	"cometproxy/test/internal/harness"
)

var (
	show  = flag.Bool("show", false, "print what both sides did")
	alone = flag.Bool("alone", false, "only print what Pushpin does: for writing scenarios")
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestAgainstPushpin plays every scenario at both sides and compares.
func TestAgainstPushpin(t *testing.T) {
	needPushpin(t)
	scenarios := all()
	oracleApps, cometApps := newApps(t), newApps(t)
	oracle := startOracle(t, oracleApps.Address)
	var comet side
	if !*alone {
		comet = startComet(t, cometApps.Backend)
	}

	results := make([]result, len(scenarios))
	playOne := func(i int) {
		results[i] = playBoth(&scenarios[i], i, oracle, oracleApps, comet, cometApps)
	}
	atOnce := make(chan struct{}, 48) // most of them only wait for their time to be up
	var wg sync.WaitGroup
	for i := range scenarios {
		if !scenarios[i].disturbs {
			atOnce <- struct{}{}
			wg.Go(func() {
				playOne(i)
				<-atOnce
			})
		}
	}
	wg.Wait()
	for i := range scenarios {
		if scenarios[i].disturbs {
			playOne(i)
		}
	}
	for i := range scenarios {
		t.Run(scenarios[i].name, func(t *testing.T) { results[i].report(t, scenarios[i].name) })
	}
	if !t.Failed() && !*alone && !partial() {
		reportUnused(t)
	}
}

// partial is whether not all scenarios run.
func partial() bool { return flag.Lookup("test.run").Value.String() != "" }

// A result is a scenario's two plays.
type result struct {
	pushpin, comet       *play
	pushpinErr, cometErr error
}

func playBoth(sc *scenario, id int, oracle side, oracleApps *apps, comet side, cometApps *apps) (r result) {
	var wg sync.WaitGroup
	wg.Go(func() { r.pushpin, r.pushpinErr = perform(sc, oracle, oracleApps, id) })
	if comet != nil {
		wg.Go(func() { r.comet, r.cometErr = perform(sc, comet, cometApps, id) })
	}
	wg.Wait()
	return r
}

func (r *result) report(t *testing.T, name string) {
	if *show || *alone {
		t.Logf("Pushpin:\n%s\ncometproxy:\n%s", transcript(r.pushpin), transcript(r.comet))
	}
	for _, err := range []error{r.pushpinErr, r.cometErr} {
		if err != nil {
			t.Error(err)
		}
	}
	if t.Failed() || *alone {
		return
	}
	for _, p := range []*play{r.pushpin, r.comet} {
		for _, problem := range p.problems {
			t.Errorf("%s: %s", p.at.name(), problem)
		}
	}
	compare(t, name, r.pushpin.records, r.comet.records)
}

func transcript(p *play) string {
	if p == nil {
		return "nothing\n"
	}
	var b strings.Builder
	for _, r := range p.records {
		b.WriteString(r.String())
	}
	return b.String()
}
