package bench

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const jiffy = 10 * time.Millisecond // USER_HZ is 100 on every Linux

// cpuTime is the CPU time of a process, its own threads only.
func cpuTime(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * jiffy
}

// resident is the memory of a process, in bytes.
func resident(pid int) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(b), "VmRSS:")
	f := strings.Fields(after)
	if len(f) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(f[0], 10, 64)
	return kib << 10
}

// busy is how long a processor has worked, for whomever, interrupts included.
func busy(cpu int) time.Duration {
	b, _ := os.ReadFile("/proc/stat")
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 9 || f[0] != fmt.Sprintf("cpu%d", cpu) {
			continue
		}
		total := 0
		for _, i := range []int{1, 2, 3, 6, 7, 8} { // not idle, not waiting for a disk
			n, _ := strconv.Atoi(f[i])
			total += n
		}
		return time.Duration(total) * jiffy
	}
	return 0
}

// places are the CPUs of the server and of this program; the same one where there is only one.
type places struct{ server, own int }

// pin moves this program to its CPU and returns where the servers go.
func pin() (places, error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return places{}, fmt.Errorf("read the CPUs of this process: %w", err)
	}
	var cpus []int
	for i := range 1024 {
		if all.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	p := places{cpus[0], cpus[min(1, len(cpus)-1)]}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return places{}, fmt.Errorf("list the threads of this process: %w", err)
	}
	for _, t := range tasks {
		id, _ := strconv.Atoi(t.Name())
		if err := setCPU(id, p.own); err != nil {
			return places{}, err
		}
	}
	return p, nil
}

func setCPU(thread, cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(thread, &set); err != nil {
		return fmt.Errorf("move to CPU %d: %w", cpu, err)
	}
	return nil
}

// onServerCPU runs start, which starts a process, so that all of that process is on the server's CPU.
func (p places) onServerCPU(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := setCPU(0, p.server); err != nil {
		return err
	}
	if err := start(); err != nil {
		return err
	}
	return setCPU(0, p.own)
}
