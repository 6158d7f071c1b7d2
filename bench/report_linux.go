package bench

import (
	"fmt"
	"io"
	"strings"
)

// mib is a memory size for a table.
func mib(bytes int64) string { return fmt.Sprintf("%.0f", float64(bytes)/(1<<20)) }

// tableHead writes the head of a table; the first column is text, the others are numbers.
func tableHead(w io.Writer, title string, columns ...string) {
	fmt.Fprintf(w, "\n%s\n\n| %s |\n|---|%s\n", title, strings.Join(columns, " | "), strings.Repeat("--:|", len(columns)-1))
}

func tableRow(w io.Writer, cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(w, "| %v ", c)
	}
	fmt.Fprintln(w, "|")
}

// loadTable is the table of F, F1, L and R.
type loadTable struct {
	w     io.Writer
	begun bool
}

func newLoadTable(w io.Writer) *loadTable { return &loadTable{w: w} }

// row writes one result, with the ratio of its cost to the floor's if that was run.
func (t *loadTable) row(scenario, server string, r, floor *result) {
	if !t.begun {
		t.begun = true
		tableHead(t.w, "Load. CPU is the server's; foreign is what others had of its CPU; every text is synced before its ack.",
			"", "texts acked/s", "deliveries/s", "delivery p50 / p99 / max, ms", "ack p50 / p99 / max, ms", "CPU µs/delivery", "CPU µs/text",
			"× floor", "server CPU", "foreign", "load CPU", "RSS before → after, MiB", "faults")
	}
	ratio := ""
	if floor != nil {
		ratio = fmt.Sprintf("%.2f", r.perDelivery()/floor.perDelivery())
	}
	tableRow(t.w, scenario+" "+server, fmt.Sprintf("%.0f", r.rate()), fmt.Sprintf("%.0f", float64(r.delivered)/r.seconds), three(&r.delivery), three(&r.ack),
		fmt.Sprintf("%.2f", r.perDelivery()), fmt.Sprintf("%.1f", r.perText()), ratio, share(r.server.Seconds(), r.seconds),
		share(r.foreign.Seconds(), r.seconds), share(r.own.Seconds(), r.seconds), mib(r.idle)+" → "+mib(r.resident), r.fault())
}

func three(h *hist) string {
	return fmt.Sprintf("%.1f / %.1f / %.1f", millis(h.quantile(.5)), millis(h.quantile(.99)), millis(h.max))
}

func share(part, whole float64) string { return fmt.Sprintf("%.0f %%", 100*part/whole) }
