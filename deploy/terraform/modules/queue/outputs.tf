output "url" {
  description = "URL of the queue; null if there is only the dead-letter queue."
  value       = one(aws_sqs_queue.this[*].id)
}

output "arn" {
  description = "ARN of the queue; null if there is only the dead-letter queue."
  value       = one(aws_sqs_queue.this[*].arn)
}

output "name" {
  description = "Name of the queue; null if there is only the dead-letter queue."
  value       = one(aws_sqs_queue.this[*].name)
}

output "dead_arn" {
  description = "ARN of the dead-letter queue."
  value       = aws_sqs_queue.dead.arn
}

output "dead_name" {
  description = "Name of the dead-letter queue."
  value       = aws_sqs_queue.dead.name
}
