"""Consumes a queue as it would at Amazon: receive, work, delete.

Only the address tells the difference: QUEUE_ENDPOINT is that of NEMS. Needs boto3."""

import os

import boto3

queues = boto3.client(
    "sqs",
    endpoint_url=os.environ.get("QUEUE_ENDPOINT", "http://localhost:8880"),
    region_name="eu-west-2",
    # In production the id and the password of the mailbox; nems serve --dev takes any.
    aws_access_key_id=os.environ.get("MAILBOX", "anybody"),
    aws_secret_access_key=os.environ.get("MAILBOX_PASSWORD", "anything"),
)
url = queues.get_queue_url(QueueName=os.environ.get("QUEUE", "MAILBOX1234"))["QueueUrl"]
wanted = int(os.environ.get("MESSAGES", "0"))  # 0: go on for ever

done = 0
while not wanted or done < wanted:
    answer = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20, MessageAttributeNames=["All"])
    for message in answer.get("Messages", []):
        # Work on it here. A message may come twice: recognise it by what it says.
        kind = message.get("MessageAttributes", {}).get("workflow", {}).get("StringValue", "")
        print(kind, len(message["Body"]), "characters", flush=True)
        queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        done += 1
