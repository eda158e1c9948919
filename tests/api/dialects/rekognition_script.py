"""A program for AWS, in the style of its documentation: it names no address and no key, as those come from outside.

`python rekognition_script.py SOURCE TARGET`: compares two photos, then indexes and searches them.
"""

import sys

import boto3


def compare_faces(client, source_file, target_file):
    with open(source_file, "rb") as source, open(target_file, "rb") as target:
        response = client.compare_faces(
            SimilarityThreshold=80, SourceImage={"Bytes": source.read()}, TargetImage={"Bytes": target.read()}
        )
    for match in response["FaceMatches"]:
        box = match["Face"]["BoundingBox"]
        print(f"The face at {box['Left']:.2f} {box['Top']:.2f} matches with {match['Similarity']:.0f}% confidence")
    return len(response["FaceMatches"])


def search_face(client, collection_id, source_file, target_file):
    client.create_collection(CollectionId=collection_id)
    try:
        with open(source_file, "rb") as source:
            indexed = client.index_faces(
                CollectionId=collection_id,
                Image={"Bytes": source.read()},
                ExternalImageId="source",
                MaxFaces=1,
                QualityFilter="NONE",
                DetectionAttributes=["ALL"],
            )
        print(f"Faces indexed: {len(indexed['FaceRecords'])}")
        with open(target_file, "rb") as target:
            found = client.search_faces_by_image(
                CollectionId=collection_id, Image={"Bytes": target.read()}, FaceMatchThreshold=80, MaxFaces=2
            )
        return [match["Face"]["ExternalImageId"] for match in found["FaceMatches"]]
    finally:
        client.delete_collection(CollectionId=collection_id)


def main():
    client = boto3.client("rekognition")
    print(f"Face matches: {compare_faces(client, *sys.argv[1:3])}")
    print(f"Found: {search_face(client, 'script', *sys.argv[1:3])}")


if __name__ == "__main__":
    main()
