package chat

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSearchCursorOfManyRooms: what is said of five hundred rooms fits into an address, and is understood: numbers exactly,
// moments never too early.
func TestSearchCursorOfManyRooms(t *testing.T) {
	const year = 365 * 24 * 3600 * 1000
	c, r := searchCursor{at: 1_795_407_754_811, salt: 7}, rand.New(rand.NewPCG(1, 2)) //nolint:gosec // keeps no secret
	id := func(i int) string { return fmt.Sprintf("01M83A8DCCXMP352MVHE1%05d", i) }
	for i := range MaxRoomsOf {
		c.rooms = append(c.rooms, searchPlace{roomHash(id(i), c.salt), 1 + r.Int64N(30_000), c.at - r.Int64N([]int64{2 * year, exactLag}[i%2])})
	}
	slices.SortFunc(c.rooms, func(a, b searchPlace) int { return int(a.room) - int(b.room) })
	text := c.String()
	if len(text) > 6_300 {
		t.Errorf("the cursor has %d bytes", len(text))
	}
	back, err := parseSearchCursor(text)
	if err != nil || back.at != c.at || len(back.rooms) != MaxRoomsOf {
		t.Fatalf("%+v, %v", back, err)
	}
	for i := range MaxRoomsOf {
		want, _ := c.place(id(i))
		got, ok := back.place(id(i))
		if !ok || got.next != want.next || got.at < want.at || got.at >= want.at+1000 || want.at > c.at-exactLag && got.at != want.at || got.at > c.at {
			t.Fatalf("room %d goes on at %+v, want %+v", i, got, want)
		}
	}
}
