mock_provider "aws" {}

override_resource {
  target = aws_sqs_queue.this
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:q", id = "https://q" }
}

override_resource {
  target = aws_sqs_queue.dead
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:q-dead", id = "https://q-dead" }
}

variables {
  name = "q"
}

run "queue" {
  assert {
    condition = jsondecode(aws_sqs_queue.this[0].redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-central-1:123456789012:q-dead"
      maxReceiveCount     = 5
    }
    error_message = "What cannot be done goes to the dead-letter queue."
  }
  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.dead[0].redrive_allow_policy).sourceQueueArns == ["arn:aws:sqs:eu-central-1:123456789012:q"]
    error_message = "Only its own queue leads to a dead-letter queue."
  }
  assert {
    condition     = aws_sqs_queue.this[0].sqs_managed_sse_enabled && aws_sqs_queue.dead.sqs_managed_sse_enabled
    error_message = "Queues are encrypted."
  }
  assert {
    condition     = aws_sqs_queue.dead.message_retention_seconds == 1209600
    error_message = "A dead-letter queue keeps things as long as it can."
  }
  assert {
    condition     = alltrue([for p in aws_sqs_queue_policy.tls_only : jsondecode(p.policy).Statement[0].Effect == "Deny" && length(jsondecode(p.policy).Statement) == 1]) && length(aws_sqs_queue_policy.tls_only) == 2
    error_message = "Queues take TLS only, and their policies allow nothing."
  }
}

run "dead_only" {
  variables {
    dead_only = true
  }
  assert {
    condition     = length(aws_sqs_queue.this) == 0 && output.arn == null && output.dead_arn == "arn:aws:sqs:eu-central-1:123456789012:q-dead"
    error_message = "Only the dead-letter queue."
  }
}

run "fifo" {
  variables {
    fifo = true
  }
  assert {
    condition     = aws_sqs_queue.this[0].name == "q.fifo" && aws_sqs_queue.dead.name == "q-dead.fifo"
    error_message = "Both names end as such a queue's must."
  }
  assert {
    condition     = aws_sqs_queue.this[0].fifo_queue && aws_sqs_queue.dead.fifo_queue && aws_sqs_queue.this[0].fifo_throughput_limit == "perMessageGroupId"
    error_message = "Groups do not wait for each other, and the dead-letter queue is of the same kind."
  }
}
