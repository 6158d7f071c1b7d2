#!/usr/bin/env bash
# deploy/aws.sh apply|web|smoke|destroy dev|prod
#
# What is done to an environment on AWS, by a person or by GitHub. Needs OpenTofu, the AWS command line, credentials, and
# STATE_BUCKET and AWS_REGION, where bootstrap made the bucket for the state.
set -euo pipefail
cd "$(dirname "$0")/.."

step=${1:-} environment=${2:-}
case $step:$environment in
apply:dev | apply:prod | web:dev | web:prod | smoke:dev | smoke:prod | destroy:dev | destroy:prod) ;;
*)
  sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac

tofu="tofu -chdir=deploy/terraform/environments/$environment"
$tofu init -input=false -backend-config="bucket=${STATE_BUCKET:?}" -backend-config="region=${AWS_REGION:?}" >&2
output() { $tofu output -raw "$1"; }

case $step in
apply)
  $tofu apply -input=false -auto-approve
  ;;
web)
  bucket=$(output app_bucket)
  # What has a hash in its name stays, so that pages that are open keep working; the page that names them comes last.
  aws s3 sync web/dist/assets "s3://$bucket/assets" --exclude '*.br' --exclude '*.gz' --cache-control 'public, max-age=31536000, immutable' --only-show-errors
  aws s3 sync web/dist "s3://$bucket" --delete --exclude 'assets/*' --exclude '*.br' --exclude '*.gz' --exclude '*.webmanifest' --exclude index.html --cache-control no-cache --only-show-errors
  aws s3 cp web/dist "s3://$bucket" --recursive --exclude '*' --include '*.webmanifest' --content-type application/manifest+json --cache-control no-cache --only-show-errors
  aws s3 cp web/dist/index.html "s3://$bucket/index.html" --content-type 'text/html; charset=utf-8' --cache-control no-cache --only-show-errors
  aws cloudfront create-invalidation --distribution-id "$(output distribution_id)" --paths '/*' --query Invalidation.Status --output text
  ;;
smoke)
  deploy/smoke.sh "$(output url)"
  ;;
destroy)
  $tofu destroy -input=false -auto-approve
  ;;
esac
