package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
)

// progress shows how far the ten years are: a bar on a terminal, a line for every
// tenth elsewhere.
type progress struct {
	demo  *demo
	bar   *progressbar.ProgressBar // nil: no terminal
	begin time.Time
	total int64
	done  int64
}

func (d *demo) newProgress(total int64) *progress {
	p := &progress{demo: d, begin: d.opts.Clock(), total: total}
	if d.opts.Terminal {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(d.opts.Out),
			progressbar.OptionSetWidth(40),
			progressbar.OptionThrottle(50*time.Millisecond),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░", BarStart: " ", BarEnd: " "}),
		)
	}
	return p
}

// rate returns the samples per second so far.
func (p *progress) rate() string {
	seconds := max(p.demo.opts.Clock().Sub(p.begin).Seconds(), 1e-9)
	return fmt.Sprintf("%.1f million samples/s", float64(p.done)/seconds/1e6)
}

// add counts n samples more, up to a month.
func (p *progress) add(n int64, month string) {
	before := p.done * 10 / p.total
	p.done += n
	if p.bar != nil {
		p.bar.Describe("  " + month + "  " + p.rate())
		_ = p.bar.Add64(n) // shows nothing worse than a bar that stands still
		return
	}
	if tenth := p.done * 10 / p.total; tenth > before {
		p.demo.printf("  %s %s%s %3d %%  %s\n", month, strings.Repeat("█", int(tenth)), strings.Repeat("░", int(10-tenth)), tenth*10, p.rate())
	}
}

// end says how long it took.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.demo.printf("\n")
	}
	p.demo.printf("  %s samples made, sent, compressed and on disk in %s: %s\n", humanize.Comma(p.total), p.demo.took(p.begin), p.rate())
}
