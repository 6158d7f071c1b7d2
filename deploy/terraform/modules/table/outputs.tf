output "name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.this.name
}

output "arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.this.arn
}

output "index_arns" {
  description = "ARNs of its indexes."
  value       = [for name in keys(var.indexes) : "${aws_dynamodb_table.this.arn}/index/${name}"]
}

output "stream_arn" {
  description = "ARN of its stream; null without one."
  value       = var.stream ? aws_dynamodb_table.this.stream_arn : null
}
