#!/usr/bin/env bash
#SBATCH --job-name=leoclr
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=USR1@300
# Train on several nodes of a SLURM cluster:
#   sbatch slurm.sh imagenet/leoclr data.num_workers=8
# When the job's time is almost over or the job is preempted, all processes save a checkpoint and
# exit. The job is then queued again and continues from this checkpoint.
set -uo pipefail

srun --kill-on-bad-exit=1 python -m leoclr_plugin pretrain "$@" \
    "devices=$SLURM_NTASKS_PER_NODE" "+num_nodes=$SLURM_JOB_NUM_NODES" auto_resume.enabled=True
code=$?
# A process that ends after a signal exits with 128 plus the signal's number. SIGUSR1 is number 10
# and SIGTERM is number 15.
if [ $code -eq 138 ] || [ $code -eq 143 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
