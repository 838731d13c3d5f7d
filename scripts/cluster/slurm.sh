#!/usr/bin/env bash
#SBATCH --job-name=leoclr
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=USR1@300
# sbatch slurm.sh imagenet/leoclr data.num_workers=8
# Before the time ends, or on a preemption, all processes save and leave; the job is queued again
# and goes on from there.
set -uo pipefail

srun --kill-on-bad-exit=1 python -m leoclr_plugin pretrain "$@" \
    "devices=$SLURM_NTASKS_PER_NODE" "+num_nodes=$SLURM_JOB_NUM_NODES" auto_resume.enabled=True
code=$?
# 128 and the number of the signal that the processes left by, SIGUSR1 or SIGTERM.
if [ $code -eq 138 ] || [ $code -eq 143 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
