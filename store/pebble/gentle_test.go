package pebble

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Who writes table files lets others go first after each slice, and has a third of the time however long they take; who
// writes the log never waits.
func TestGentle(t *testing.T) {
	now, yields, others := time.Unix(0, 0), 0, time.Duration(0)
	g := gentle{vfs.NewMem(), func() { yields++; now = now.Add(others) }, func() time.Time { return now }}
	write := func(name string, n int) (worked time.Duration) {
		t.Helper()
		f, err := g.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for range n {
			now = now.Add(leastSlice / 3)
			if _, err := f.Write([]byte("block")); err != nil {
				t.Fatal(err)
			}
		}
		return time.Duration(n) * leastSlice / 3
	}
	write("000001.log", 100)
	write("MANIFEST-000001", 100)
	if yields != 0 {
		t.Errorf("the log waited %d times", yields)
	}
	if write("000002.sst", 100); yields != 25 {
		t.Errorf("waited %d times in 33 slices, written in 4 parts each", yields)
	}
	yields, others = 0, 100*leastSlice
	began := now
	worked := write("000003.sst", 1000)
	if share := float64(worked) / float64(now.Sub(began)); share < .3 || share > .36 || yields == 0 {
		t.Errorf("had %.2f of the time, and waited %d times", share, yields)
	}
}
