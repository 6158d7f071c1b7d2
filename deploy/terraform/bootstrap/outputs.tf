output "state_bucket" {
  description = "Where the environments keep their state."
  value       = module.state.name
}

output "deploy_role_arns" {
  description = "Roles of GitHub's jobs, by environment."
  value       = { for environment, role in aws_iam_role.deploy : environment => role.arn }
}
