#!/bin/sh
# examples/launch/slurm.sh - a training run of 8 ranks on 2 nodes under Slurm. It saves every 100 steps,
# and a job that was cut off goes on from there when it is submitted again.
#
# usage: sbatch examples/launch/slurm.sh PLAN MODEL BATCH FOLDER
# FOLDER is one that all nodes see: checkpoints and the result go there.
#SBATCH --job-name=weft
#SBATCH --nodes=2
#SBATCH --ntasks=8
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=1

plan=${1:?usage: sbatch slurm.sh PLAN MODEL BATCH FOLDER}
model=${2:?usage: sbatch slurm.sh PLAN MODEL BATCH FOLDER}
batch=${3:?usage: sbatch slurm.sh PLAN MODEL BATCH FOLDER}
folder=${4:?usage: sbatch slurm.sh PLAN MODEL BATCH FOLDER}

# Open MPI built with Slurm finds nodes and ranks by itself. With its PMIx: srun --mpi=pmix.
exec mpirun weft-run "$plan" --model "$model" --batch "$batch" --device cpu --steps 1000 \
    --checkpoint "$folder/checkpoints" --checkpoint-every 100 --json >"$folder/result.json"
