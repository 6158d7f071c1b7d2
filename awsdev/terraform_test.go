package awsdev

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// described is a block of a Terraform file, by its first line.
func described(t *testing.T, file, head string) string {
	t.Helper()
	text, err := os.ReadFile("../deploy/terraform/modules/" + file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+head+" {\n")
	block, _, ended := strings.Cut(rest, "\n}\n")
	if !found || !ended {
		t.Fatalf("no %s in %s", head, file)
	}
	return block
}

// number is a setting of a block.
func number(t *testing.T, block, name string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^\s*` + name + `\s*= (\d+)$`).FindStringSubmatch(block)
	if m == nil {
		t.Fatalf("no %s in %s", name, block)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestQueuesAndMappings: queues are of the kind here that they are on AWS, and functions are given as much of them and of
// the stream, as often.
func TestQueuesAndMappings(t *testing.T) {
	for function, name := range queueNames() {
		block := described(t, "parley/main.tf", `module "`+function+`_queue"`)
		fifo := regexp.MustCompile(`(?m)^\s*fifo\s*= true$`).MatchString(block)
		if q := newQueue(name, Limits{}); q.fifo != fifo {
			t.Errorf("%s: FIFO here %v, on AWS %v", name, q.fifo, fifo)
		}
		if !strings.Contains(block, `"${local.prefix}`+strings.TrimSuffix(name, ".fifo")+`"`) {
			t.Errorf("%s has another name on AWS:%s", name, block)
		}
	}
	if got := number(t, described(t, "queue/variables.tf", `variable "max_receives"`), "default"); got != (Limits{}).withDefaults().Receives {
		t.Errorf("on AWS a job is tried %d times", got)
	}
	if got := number(t, described(t, "parley/functions.tf", `resource "aws_lambda_event_source_mapping" "queue"`), "batch_size"); got != queueBatch {
		t.Errorf("on AWS a function is given %d jobs", got)
	}
	stream := described(t, "parley/functions.tf", `resource "aws_lambda_event_source_mapping" "stream"`)
	if size, tries := number(t, stream, "batch_size"), number(t, stream, "maximum_retry_attempts"); size != streamBatch || tries != streamAttempts {
		t.Errorf("on AWS the stream's function is given %d records, %d times", size, tries)
	}
	if !strings.Contains(stream, `pattern = jsonencode({ eventName = ["INSERT"] })`) {
		t.Error("on AWS other records come")
	}
}
