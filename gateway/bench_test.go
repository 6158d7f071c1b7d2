package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"parley/chat"
)

// The peers of a benchmark live in a process of their own, so that its CPU time and memory are the gateway's alone:
//
//	go test -run xxx -bench . ./gateway
//
// peersEnv makes this test binary such a process: "address count size tls".
const peersEnv = "PARLEY_BENCH_PEERS"

func TestPeers(t *testing.T) {
	if os.Getenv(peersEnv) == "" {
		t.Skip("for benchmarks")
	}
	var addr string
	var count, size int64
	var secure bool
	if _, err := fmt.Sscan(os.Getenv(peersEnv), &addr, &count, &size, &secure); err != nil {
		t.Fatal(err)
	}
	var total atomic.Int64
	var peers sync.WaitGroup
	for i := range count {
		nc, r := openPeer(t, addr, i, secure)
		peers.Go(func() {
			defer nc.Close()
			drain(r, nc, &total, count*size)
		})
	}
	fmt.Println("open")
	peers.Wait()
}

// openPeer connects and waits for one answer, so that the server has handled a request of each connection.
func openPeer(t *testing.T, addr string, i int64, secure bool) (net.Conn, *bufio.Reader) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true}) // what it costs is asked here, not who it is
	}
	fmt.Fprintf(nc, "GET /ws?ticket=ok-u%d HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", i)
	r := bufio.NewReaderSize(nc, 4096)
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != 101 { //nolint:bodyclose // it has none
		t.Fatal(resp, err)
	}
	_, _ = nc.Write(clientFrame(true, ws.OpText, ping))
	if _, payload, err := readFrame(r); err != nil || !strings.Contains(string(payload), "pong") {
		t.Fatal(err)
	}
	return nc, r
}

// drain counts bytes, and prints a line whenever all peers together have got one more delivery.
func drain(r *bufio.Reader, nc net.Conn, total *atomic.Int64, each int64) {
	_, _ = io.CopyN(io.Discard, r, int64(r.Buffered()))
	buf := make([]byte, 8192)
	for {
		n, err := nc.Read(buf)
		if err != nil {
			return
		}
		now := total.Add(int64(n))
		for k := (now - int64(n)) / each; k < now/each; k++ {
			_, _ = os.Stdout.WriteString("delivered\n")
		}
	}
}

// peers starts the other process and returns its lines.
func peers(b *testing.B, h *house, count, size int) *bufio.Scanner {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestPeers$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d %v", peersEnv, h.server.Listener.Addr(), count, size, h.server.TLS != nil))
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "open" {
		b.Fatalf("peers did not open: %s", lines.Text())
	}
	return lines
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDeliver is one step of a room of 1,000 connections: one message, and eight at once.
func BenchmarkDeliver(b *testing.B) {
	const count = 1000
	for _, transport := range []string{"polled", "goroutines", "tls"} {
		for _, batch := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/messages=%d", transport, batch), func(b *testing.B) {
				h := newHouse(b, Config{Goroutines: transport == "goroutines", Limits: Limits{FramesPerSecond: -1}}, transport == "tls")
				for i := range count {
					h.join("r1", fmt.Sprint("u", i))
				}
				events := make([]chat.Event, batch)
				for i := range events {
					events[i] = newMessage("r1", "x", int64(i+1), strings.Repeat("the quick brown fox ", 5))
				}
				frames := encode(events)
				lines := peers(b, h, count, len(frames.bytes))
				before := cpu()
				b.ReportAllocs()
				for b.Loop() {
					h.hub.Deliver(context.Background(), chat.Delivery{RoomID: "r1", Events: events})
					if !lines.Scan() {
						b.Fatal("the peers have gone")
					}
				}
				b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N*batch*count)/1000, "cpu-µs/delivery")
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ms/step")
			})
		}
	}
}

// BenchmarkIdle is the memory of connections that have asked one thing each, 100 to a room.
func BenchmarkIdle(b *testing.B) {
	const count = 5000
	for _, transport := range []string{"polled", "goroutines", "tls"} {
		b.Run(transport, func(b *testing.B) {
			h := newHouse(b, Config{Goroutines: transport == "goroutines"}, transport == "tls")
			for i := range count {
				h.join(fmt.Sprint("r", i/100), fmt.Sprint("u", i))
			}
			debug.FreeOSMemory()
			rss, mem := resident(), inUse()
			for b.Loop() {
				peers(b, h, count, 1<<20)
				if b.N > 1 {
					b.Fatal("once is enough: -benchtime 1x")
				}
				b.ReportMetric(float64(resident()-rss)/count/1024, "KiB-peak/conn")
				time.Sleep(2 * time.Second)
				debug.FreeOSMemory()
				b.ReportMetric(float64(resident()-rss)/count/1024, "KiB-rss/conn")
				b.ReportMetric(float64(inUse()-mem)/count/1024, "KiB-go/conn")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

func resident() int64 {
	b, _ := os.ReadFile("/proc/self/statm")
	n, _ := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return n * int64(os.Getpagesize())
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
