output "topic_arn" {
  description = "ARN of the topic to which alarms go."
  value       = aws_sns_topic.alarms.arn
}
